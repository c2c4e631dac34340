package apiregistration

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/ptr"

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
			Default: resource.Defaulter(defaultAPIService),
		}},
		PrepareCreate:  resource.OnCreate(prepareAPIService),
		Columns:        resource.Columns("Name:name", "Service", "Available", "Age"),
		Cells:          resource.Row(apiServiceCells),
		ValidateName:   resource.PathSegmentName,
		Validate:       resource.Check(validateAPIService),
		ValidateUpdate: resource.CheckUpdate(validateAPIServiceUpdate),
		StoragePrefix:  "apiregistration.k8s.io/apiservices",
		StoredAsJSON:   true,
	}, func(a *apiregistrationv1.APIService) (*apiregistrationv1.APIServiceSpec, *apiregistrationv1.APIServiceStatus) {
		return &a.Spec, &a.Status
	}, resource.NoGeneration(), resource.KeepMeta(resource.AllMeta), resource.CheckStatus(validateAPIServiceStatus))
}

// The port of a service that names none.
const httpsPort int32 = 443

func defaultAPIService(s *apiregistrationv1.APIService) {
	if s.Spec.Service != nil && s.Spec.Service.Port == nil {
		s.Spec.Service.Port = ptr.To(httpsPort)
	}
}

// prepareAPIService makes a group that the server answers itself available.
func prepareAPIService(s *apiregistrationv1.APIService) {
	if s.Spec.Service != nil {
		return
	}
	s.Status.Conditions = []apiregistrationv1.APIServiceCondition{{
		Type:               apiregistrationv1.Available,
		Status:             apiregistrationv1.ConditionTrue,
		LastTransitionTime: metav1.Now(),
		Reason:             "Local",
		Message:            "Local APIServices are always available",
	}}
}

func apiServiceCells(s *apiregistrationv1.APIService, now time.Time) []any {
	service := "Local"
	if ref := s.Spec.Service; ref != nil {
		service = ref.Namespace + "/" + ref.Name
	}
	available := "Unknown"
	for _, c := range s.Status.Conditions {
		if c.Type != apiregistrationv1.Available {
			continue
		}
		available = string(c.Status)
		if c.Status != apiregistrationv1.ConditionTrue {
			available = fmt.Sprintf("%s (%s)", c.Status, c.Reason)
		}
	}
	return []any{s.Name, service, available, resource.AgeOf(s, now)}
}
