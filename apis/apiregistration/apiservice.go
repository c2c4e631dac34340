package apiregistration

import (
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func apiServices() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      "apiregistration.k8s.io",
		Name:       "apiservices",
		Singular:   "apiservice",
		Kind:       "APIService",
		Categories: []string{"api-extensions"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[apiregistrationv1.APIService],
			NewList: resource.NewList[apiregistrationv1.APIServiceList],
		}},
		StoragePrefix: "apiregistration.k8s.io/apiservices",
		StoredAsJSON:  true,
	}, func(a *apiregistrationv1.APIService) (*apiregistrationv1.APIServiceSpec, *apiregistrationv1.APIServiceStatus) {
		return &a.Spec, &a.Status
	}, resource.NoGeneration(), resource.KeepMeta(resource.AllMeta))
}
