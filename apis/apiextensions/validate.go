package apiextensions

import (
	"net/url"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

const minGroupLabels = 2

func validateCustomResourceDefinition(d *apiextensionsv1.CustomResourceDefinition) field.ErrorList {
	crd, errs := internal(d)
	if crd == nil {
		return errs
	}
	errs = nil
	for _, named := range [][2]string{{"generateName", d.GenerateName}, {"name", d.Name}} {
		if at, name := named[0], named[1]; name != "" && name != d.Spec.Names.Plural+"."+d.Spec.Group {
			errs = append(errs, field.Invalid(field.NewPath("metadata", at), name, `must be spec.names.plural+"."+spec.group`))
		}
	}
	errs = append(errs, validateDefinition(crd)...)
	errs = append(errs, validateStored(crd)...)
	if ptr.Deref(crd.Spec.PreserveUnknownFields, false) {
		errs = append(errs, preserving()...)
	}
	if detail := unapproved(d); detail != nil {
		errs = append(errs, detail)
	}
	return errs
}

func preserving() field.ErrorList {
	return field.ErrorList{field.Invalid(field.NewPath("spec", "preserveUnknownFields"), true,
		"cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead")}
}

func validateCustomResourceDefinitionUpdate(d, old *apiextensionsv1.CustomResourceDefinition) field.ErrorList {
	crd, errs := internal(d)
	if crd == nil {
		return errs
	}
	path := field.NewPath("spec")
	errs = validateDefinition(crd)
	if established(old) {
		errs = append(errs, check.Immutable(path.Child("scope"), d.Spec.Scope, old.Spec.Scope)...)
		errs = append(errs, check.Immutable(path.Child("names", "kind"), d.Spec.Names.Kind, old.Spec.Names.Kind)...)
	}
	errs = append(errs, check.Immutable(path.Child("group"), d.Spec.Group, old.Spec.Group)...)
	errs = append(errs, check.Immutable(path.Child("names", "plural"), d.Spec.Names.Plural, old.Spec.Names.Plural)...)
	errs = append(errs, validateStored(crd)...)
	if d.Spec.PreserveUnknownFields && !old.Spec.PreserveUnknownFields {
		errs = append(errs, preserving()...)
	}
	if detail := unapproved(d); detail != nil && unapproved(old) == nil {
		errs = append(errs, detail)
	}
	return errs
}

func established(d *apiextensionsv1.CustomResourceDefinition) bool {
	for _, condition := range d.Status.Conditions {
		if condition.Type == apiextensionsv1.Established {
			return condition.Status == apiextensionsv1.ConditionTrue
		}
	}
	return false
}

func validateCustomResourceDefinitionStatus(d, _ *apiextensionsv1.CustomResourceDefinition) field.ErrorList {
	crd, errs := internal(&apiextensionsv1.CustomResourceDefinition{Status: d.Status}) // schemas may be large
	if crd == nil {
		return errs
	}
	return validateNames(&crd.Status.AcceptedNames, field.NewPath("status", "acceptedNames"))
}

// unapproved is what is wrong with a definition in a group of the Kubernetes project itself.
func unapproved(d *apiextensionsv1.CustomResourceDefinition) *field.Error {
	const annotation = apiextensionsv1.KubeAPIApprovedAnnotation
	group := d.Spec.Group
	if group != "k8s.io" && group != "kubernetes.io" && !strings.HasSuffix(group, ".k8s.io") && !strings.HasSuffix(group, ".kubernetes.io") {
		return nil
	}
	const see = ", see https://github.com/kubernetes/enhancements/pull/1111"
	path, value := field.NewPath("metadata", "annotations").Key(annotation), d.Annotations[annotation]
	if value == "" {
		return field.Required(path, `protected groups must have approval annotation "`+annotation+`"`+see)
	}
	if u, err := url.ParseRequestURI(value); strings.HasPrefix(value, "unapproved") || err == nil && u.Host != "" && u.Scheme != "" {
		return nil
	}
	return field.Invalid(path, value, `protected groups must have approval annotation "`+annotation+`" with either a URL or a reason starting with "unapproved"`+see)
}

func validateDefinition(crd *apiextensions.CustomResourceDefinition) field.ErrorList {
	spec, path := &crd.Spec, field.NewPath("spec")
	errs := validateGroup(spec.Group, path.Child("group"))
	errs = append(errs, check.RequiredOneOf(path.Child("scope"), spec.Scope, apiextensions.ClusterScoped, apiextensions.NamespaceScoped)...)
	errs = append(errs, requireSchemas(spec, path.Child("versions"))...)
	errs = append(errs, validateVersions(spec, path)...)
	errs = append(errs, requireNames(&spec.Names, path.Child("names"))...)
	errs = append(errs, validateNames(&spec.Names, path.Child("names"))...)
	if spec.Names.Kind != "" && spec.Names.Kind == spec.Names.ListKind {
		errs = append(errs, field.Invalid(path.Child("names", "listKind"), spec.Names.ListKind, "kind and listKind may not be the same"))
	}
	errs = append(errs, validateShared(spec, path)...)
	return append(errs, validateConversion(spec.Conversion, path.Child("conversion"))...)
}

// requireSchemas checks that every version has a schema, its own or the one that all share.
func requireSchemas(spec *apiextensions.CustomResourceDefinitionSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range spec.Versions {
		schema := spec.Versions[i].Schema
		if schema == nil {
			schema = spec.Validation
		}
		if schema == nil || schema.OpenAPIV3Schema == nil {
			errs = append(errs, field.Required(path.Index(i).Child("schema", "openAPIV3Schema"), ""))
		}
	}
	return errs
}

func validateGroup(group string, path *field.Path) field.ErrorList {
	if group == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	if errs := check.Subdomain(path, group); len(errs) > 0 {
		return errs
	}
	if len(strings.Split(group, ".")) < minGroupLabels {
		return field.ErrorList{field.Invalid(path, group, "should be a domain with at least one dot")}
	}
	return nil
}

func requireNames(names *apiextensions.CustomResourceDefinitionNames, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range []struct{ field, value string }{
		{"plural", names.Plural}, {"singular", names.Singular}, {"kind", names.Kind}, {"listKind", names.ListKind},
	} {
		if name.value == "" {
			errs = append(errs, field.Required(path.Child(name.field), ""))
		}
	}
	return errs
}

// validateNames checks the names that are given.
func validateNames(names *apiextensions.CustomResourceDefinitionNames, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	label := func(at *field.Path, name string) {
		errs = append(errs, check.Messages(at, name, validation.IsDNS1035Label(name))...)
	}
	mixed := func(at *field.Path, name string) {
		if messages := validation.IsDNS1035Label(strings.ToLower(name)); len(messages) > 0 {
			errs = append(errs, field.Invalid(at, name, "may have mixed case, but should otherwise match: "+strings.Join(messages, ",")))
		}
	}
	for _, name := range []struct {
		field, value string
		check        func(*field.Path, string)
	}{
		{"plural", names.Plural, label}, {"singular", names.Singular, label}, {"kind", names.Kind, mixed}, {"listKind", names.ListKind, mixed},
	} {
		if name.value != "" {
			name.check(path.Child(name.field), name.value)
		}
	}
	for i, name := range names.ShortNames {
		label(path.Child("shortNames").Index(i), name)
	}
	for i, name := range names.Categories {
		label(path.Child("categories").Index(i), name)
	}
	return errs
}

func validateVersions(spec *apiextensions.CustomResourceDefinitionSpec, path *field.Path) field.ErrorList {
	at := path.Child("versions")
	var errs field.ErrorList
	names, stored, unique := sets.New[string](), 0, true
	for i := range spec.Versions {
		version := &spec.Versions[i]
		if version.Storage {
			stored++
		}
		unique = unique && !names.Has(version.Name)
		names.Insert(version.Name)
		errs = append(errs, check.Messages(at.Index(i).Child("name"), version.Name, validation.IsDNS1035Label(version.Name))...)
		errs = append(errs, validateVersion(version, spec, at.Index(i))...)
	}
	if !unique {
		errs = append(errs, field.Invalid(at, spec.Versions, "must contain unique version names"))
	}
	if stored != 1 {
		errs = append(errs, field.Invalid(at, spec.Versions, "must have exactly one version marked as storage version"))
	}
	if spec.Version != "" {
		errs = append(errs, check.Messages(path.Child("version"), spec.Version, validation.IsDNS1035Label(spec.Version))...)
	}
	return errs
}

// validateStored checks that a version in which objects may still be stored is not taken away.
func validateStored(crd *apiextensions.CustomResourceDefinition) field.ErrorList {
	stored, versions, path := crd.Status.StoredVersions, crd.Spec.Versions, field.NewPath("status", "storedVersions")
	if len(stored) == 0 {
		return field.ErrorList{field.Invalid(path, stored, "must have at least one stored version")}
	}
	left := map[string]int{}
	for i, version := range stored {
		left[version] = i
	}
	var errs field.ErrorList
	for _, version := range versions {
		if _, known := left[version.Name]; version.Storage && !known {
			errs = append(errs, field.Invalid(path, stored, "must have the storage version "+version.Name))
		}
		delete(left, version.Name)
	}
	for i, version := range stored {
		if last, missing := left[version]; !missing || last != i {
			continue
		}
		errs = append(errs, field.Invalid(path.Index(i), version, "missing from spec.versions; "+version+
			" was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in "+
			version+" and removes "+version+" from status.storedVersions"))
	}
	return errs
}
