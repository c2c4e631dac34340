package core

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func namespaces() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "namespaces",
		Singular:   "namespace",
		Kind:       "Namespace",
		ShortNames: []string{"ns"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.Namespace],
			NewList: resource.NewList[corev1.NamespaceList],
			Default: resource.Defaulter(defaultNamespace),
		}},
		Columns:                  resource.Columns("Name:name", "Status", "Age"),
		Cells:                    resource.Row(namespaceCells),
		FieldNames:               []string{"status.phase"},
		Fields:                   resource.Select(namespaceFields),
		NoNamespaceField:         true,
		Validate:                 resource.Check(validateNamespace),
		ValidateUpdate:           resource.CheckUpdate(validateNamespaceUpdate),
		ValidateName:             apivalidation.NameIsDNSLabel,
		StoragePrefix:            "namespaces",
		Verbs:                    []string{"create", "delete", "get", "list", "patch", "update", "watch"},
		AllowUnconditionalUpdate: true,
		PrepareCreate:            resource.OnCreate(prepareNamespace),
		Canonicalize:             func(obj resource.Object) { defaultNamespace(obj.(*corev1.Namespace)) }, // a generated name is there now, and right
		PrepareUpdate:            resource.OnUpdate(func(n, old *corev1.Namespace) { n.Spec.Finalizers = old.Spec.Finalizers }),
		Subresources:             []resource.Subresource{finalize()},
	}, func(n *corev1.Namespace) (*corev1.NamespaceSpec, *corev1.NamespaceStatus) {
		return &n.Spec, &n.Status
	}, resource.NoGeneration(), resource.CheckStatus(validateNamespaceStatus))
}

func namespaceCells(n *corev1.Namespace, now time.Time) []any {
	return []any{n.Name, string(n.Status.Phase), resource.AgeOf(n, now)}
}

func namespaceFields(n *corev1.Namespace) fields.Set {
	return fields.Set{"status.phase": string(n.Status.Phase)}
}

// finalize is the view through which the finalizers of the spec change.
func finalize() resource.Subresource {
	view := resource.View("finalize", func(obj, old *corev1.Namespace) { obj.Status = old.Status })
	view.Verbs = []string{"update"}
	return view
}

// prepareNamespace makes a new namespace active and keeps it until it is emptied.
func prepareNamespace(n *corev1.Namespace) {
	n.Status.Phase = corev1.NamespaceActive
	if !slices.Contains(n.Spec.Finalizers, corev1.FinalizerKubernetes) {
		n.Spec.Finalizers = append(n.Spec.Finalizers, corev1.FinalizerKubernetes)
	}
}

// defaultNamespace has a namespace active, and labels it with its own name, so that selectors can name it.
func defaultNamespace(n *corev1.Namespace) {
	if n.Status.Phase == "" {
		n.Status.Phase = corev1.NamespaceActive
	}
	if n.Name == "" {
		return
	}
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	n.Labels[corev1.LabelMetadataName] = n.Name
}

func validateNamespace(n *corev1.Namespace) field.ErrorList {
	path := field.NewPath("spec", "finalizers")
	var errs field.ErrorList
	for _, finalizer := range n.Spec.Finalizers {
		errs = append(errs, check.QualifiedName(path, string(finalizer))...)
		errs = append(errs, check.FinalizerName(path, string(finalizer))...)
	}
	return errs
}

func validateNamespaceUpdate(n, _ *corev1.Namespace) field.ErrorList {
	return validateNamespace(n)
}

// validateNamespaceStatus: a namespace is terminating when, and only when, it was deleted.
func validateNamespaceStatus(n, _ *corev1.Namespace) field.ErrorList {
	path := field.NewPath("status", "Phase")
	switch {
	case n.DeletionTimestamp.IsZero() && n.Status.Phase != corev1.NamespaceActive:
		return field.ErrorList{field.Invalid(path, n.Status.Phase, "may only be 'Active' if `deletionTimestamp` is empty")}
	case !n.DeletionTimestamp.IsZero() && n.Status.Phase != corev1.NamespaceTerminating:
		return field.ErrorList{field.Invalid(path, n.Status.Phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")}
	}
	return nil
}
