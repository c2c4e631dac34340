package aggregation

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/discovery"
)

const (
	managedLabel   = "kube-aggregator.kubernetes.io/automanaged"
	managedOnStart = "onstart" // written when the server starts, others' afterwards
	managed        = "true"    // kept for as long as the group version is served
)

// Local returns the APIServices of the group versions that the rows are of.
func Local(rows []*resource.Resource) []*apiregistrationv1.APIService {
	var all []*apiregistrationv1.APIService
	known := map[schema.GroupVersion]bool{{Group: apiregistrationv1.GroupName, Version: "v1"}: true}
	for _, row := range rows {
		for i := range row.Versions {
			gv := schema.GroupVersion{Group: row.Group, Version: row.Versions[i].Name}
			if !known[gv] {
				known[gv] = true
				all = append(all, local(gv, managedOnStart))
			}
		}
	}
	return all
}

func local(gv schema.GroupVersion, label string) *apiregistrationv1.APIService {
	group, version := discovery.Priority(gv)
	s := &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: nameOf(gv), Labels: map[string]string{managedLabel: label}},
		Spec:       apiregistrationv1.APIServiceSpec{Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: group, VersionPriority: version},
		Status: apiregistrationv1.APIServiceStatus{Conditions: []apiregistrationv1.APIServiceCondition{{
			Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionTrue, LastTransitionTime: metav1.Now(),
			Reason: "Local", Message: "Local APIServices are always available",
		}}},
	}
	s.SetGroupVersionKind(apiregistrationv1.SchemeGroupVersion.WithKind("APIService"))
	return s
}

func nameOf(gv schema.GroupVersion) string { return gv.Version + "." + gv.Group }
