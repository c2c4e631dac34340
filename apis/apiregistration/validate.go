package apiregistration

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

const (
	maxGroupPriority   = 20000
	maxVersionPriority = 1000
)

func validateAPIService(s *apiregistrationv1.APIService) field.ErrorList {
	spec, path := &s.Spec, field.NewPath("spec")
	var errs field.ErrorList
	if wanted := spec.Version + "." + spec.Group; s.Name != "" && s.Name != wanted {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), s.Name, fmt.Sprintf("must be `spec.version+\".\"+spec.group`: %q", wanted)))
	}
	switch {
	case spec.Group != "":
		errs = append(errs, check.Subdomain(path.Child("group"), spec.Group)...)
	case spec.Version != "v1":
		errs = append(errs, field.Required(path.Child("group"), "only v1 may have an empty group and it better be legacy kube"))
	}
	errs = append(errs, check.Messages(path.Child("version"), spec.Version, validation.IsDNS1035Label(spec.Version))...)
	if spec.GroupPriorityMinimum <= 0 || spec.GroupPriorityMinimum > maxGroupPriority {
		errs = append(errs, field.Invalid(path.Child("groupPriorityMinimum"), spec.GroupPriorityMinimum, fmt.Sprintf("must be positive and less than %d", maxGroupPriority)))
	}
	if spec.VersionPriority <= 0 || spec.VersionPriority > maxVersionPriority {
		errs = append(errs, field.Invalid(path.Child("versionPriority"), spec.VersionPriority, fmt.Sprintf("must be positive and less than %d", maxVersionPriority)))
	}
	return append(errs, validateService(spec, path)...)
}

func validateService(spec *apiregistrationv1.APIServiceSpec, path *field.Path) field.ErrorList {
	if spec.Service == nil {
		var errs field.ErrorList
		if len(spec.CABundle) > 0 {
			errs = append(errs, field.Invalid(path.Child("caBundle"), fmt.Sprintf("%d bytes", len(spec.CABundle)), "local APIServices may not have a caBundle"))
		}
		if spec.InsecureSkipTLSVerify {
			errs = append(errs, field.Invalid(path.Child("insecureSkipTLSVerify"), true, "local APIServices may not have insecureSkipTLSVerify"))
		}
		return errs
	}
	var errs field.ErrorList
	if spec.Service.Namespace == "" {
		errs = append(errs, field.Required(path.Child("service", "namespace"), ""))
	}
	if spec.Service.Name == "" {
		errs = append(errs, field.Required(path.Child("service", "name"), ""))
	}
	if port := spec.Service.Port; port != nil {
		for _, message := range validation.IsValidPortNum(int(*port)) {
			errs = append(errs, field.Invalid(path.Child("service", "port"), *port, "port is not valid: "+message))
		}
	}
	if spec.InsecureSkipTLSVerify && len(spec.CABundle) > 0 {
		errs = append(errs, field.Invalid(path.Child("insecureSkipTLSVerify"), true, "may not be true if caBundle is present"))
	}
	return errs
}

func validateAPIServiceUpdate(s, _ *apiregistrationv1.APIService) field.ErrorList {
	return validateAPIService(s)
}

func validateAPIServiceStatus(s, _ *apiregistrationv1.APIService) field.ErrorList {
	var errs field.ErrorList
	for i, condition := range s.Status.Conditions {
		errs = append(errs, check.OneOf(field.NewPath("status", "conditions").Index(i).Child("status"), condition.Status,
			apiregistrationv1.ConditionTrue, apiregistrationv1.ConditionFalse, apiregistrationv1.ConditionUnknown)...)
	}
	return errs
}
