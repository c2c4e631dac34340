package node

import (
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/placement"
	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
)

func validateRuntimeClass(c *nodev1.RuntimeClass) field.ErrorList {
	var errs field.ErrorList
	if path := field.NewPath("handler"); c.Handler == "" {
		errs = append(errs, field.Required(path, ""))
	} else {
		errs = append(errs, check.Label(path, c.Handler)...)
	}
	if c.Overhead != nil {
		errs = append(errs, validateOverhead(c.Overhead, field.NewPath("overhead", "limits"))...)
	}
	if c.Scheduling != nil {
		errs = append(errs, validateScheduling(c.Scheduling, field.NewPath("scheduling"))...)
	}
	return errs
}

func validateRuntimeClassUpdate(c, old *nodev1.RuntimeClass) field.ErrorList {
	return append(validateRuntimeClass(c), check.Immutable(field.NewPath("handler"), c.Handler, old.Handler)...)
}

// validateOverhead checks what a pod needs beside its containers, as if these were limits.
func validateOverhead(o *nodev1.Overhead, path *field.Path) field.ErrorList {
	return check.Entries(o.PodFixed, func(name corev1.ResourceName, quantity apiresource.Quantity) field.ErrorList {
		at := path.Key(string(name))
		return append(resources.ValidateContainerName(name, at), resources.ValidateQuantity(name, quantity, at)...)
	})
}

// tolerationText is how a toleration is printed that is there twice.
type tolerationText struct {
	Key               string
	Operator          corev1.TolerationOperator
	Value             string
	Effect            corev1.TaintEffect
	TolerationSeconds *int64
}

func validateScheduling(s *nodev1.Scheduling, path *field.Path) field.ErrorList {
	errs := check.Labels(path.Child("nodeSelector"), s.NodeSelector)
	at := path.Child("tolerations")
	errs = append(errs, placement.ValidateTolerations(s.Tolerations, at)...)
	for i := range s.Tolerations {
		for j := range i {
			if equality.Semantic.DeepEqual(s.Tolerations[i], s.Tolerations[j]) {
				errs = append(errs, field.Duplicate(at.Index(i), tolerationText(s.Tolerations[i])))
				break
			}
		}
	}
	return errs
}
