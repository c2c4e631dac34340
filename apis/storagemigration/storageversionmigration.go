package storagemigration

import (
	"strconv"
	"time"

	migrationv1beta1 "k8s.io/api/storagemigration/v1beta1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

type migration = migrationv1beta1.StorageVersionMigration

func storageVersionMigrations() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:    migrationv1beta1.GroupName,
		Name:     "storageversionmigrations",
		Singular: "storageversionmigration",
		Kind:     "StorageVersionMigration",
		Versions: []resource.Version{{
			Name:       "v1beta1",
			New:        resource.New[migration],
			NewList:    resource.NewList[migrationv1beta1.StorageVersionMigrationList],
			Deprecated: "storagemigration.k8s.io/v1beta1 StorageVersionMigration is deprecated in v1.38+, unavailable in v1.41+",
		}},
		Columns:        resource.Columns("Name:name", "Resource", "Status"),
		Cells:          resource.Row(cells),
		Validate:       resource.Check(validate),
		ValidateUpdate: resource.CheckUpdate(validateUpdate),
		StoragePrefix:  "storageversionmigrations",
	}, func(m *migration) (*migrationv1beta1.StorageVersionMigrationSpec, *migrationv1beta1.StorageVersionMigrationStatus) {
		return &m.Spec, &m.Status
	}, resource.NoGeneration(), resource.CheckStatus(validateStatus))
}

func cells(m *migration, _ time.Time) []any {
	status := ""
	for _, kind := range []migrationv1beta1.MigrationConditionType{migrationv1beta1.MigrationRunning, migrationv1beta1.MigrationSucceeded, migrationv1beta1.MigrationFailed} {
		if meta.IsStatusConditionTrue(m.Status.Conditions, string(kind)) {
			status = string(kind)
		}
	}
	of := schemaOf(m.Spec.Resource)
	return []any{m.Name, of, status}
}

func schemaOf(r metav1.GroupResource) string {
	if r.Group == "" {
		return r.Resource
	}
	return r.Resource + "." + r.Group
}

func validate(m *migration) field.ErrorList {
	path := field.NewPath("spec", "resource")
	of := m.Spec.Resource
	if of.Resource == "" {
		return field.ErrorList{field.Required(path.Child("resource"), "resource is required to be set")}
	}
	var errs field.ErrorList
	for _, wrong := range validation.IsDNS1035Label(of.Resource) {
		errs = append(errs, field.Invalid(path.Child("resource"), of.Resource, wrong))
	}
	if of.Group != "" {
		for _, wrong := range validation.IsDNS1123Subdomain(of.Group) {
			errs = append(errs, field.Invalid(path.Child("group"), of.Group, wrong))
		}
	}
	return errs
}

func validateUpdate(m, old *migration) field.ErrorList {
	if equality.Semantic.DeepEqual(m.Spec, old.Spec) {
		return nil
	}
	// Upstream shows the type by which it knows specs, whose fields have no other names.
	return field.ErrorList{field.Invalid(field.NewPath("spec"), struct{ Resource metav1.GroupResource }{m.Spec.Resource}, "field is immutable")}
}

func validateStatus(m, old *migration) field.ErrorList {
	path := field.NewPath("status")
	var errs field.ErrorList
	switch {
	case old.Status.ResourceVersion != "":
		errs = append(errs, check.Immutable(path.Child("resourceVersion"), m.Status.ResourceVersion, old.Status.ResourceVersion)...)
	case m.Status.ResourceVersion != "":
		if _, err := strconv.ParseUint(m.Status.ResourceVersion, 10, 64); err != nil {
			errs = append(errs, field.Invalid(path.Child("resourceVersion"), m.Status.ResourceVersion, "resource version is not well formed: "+m.Status.ResourceVersion))
		}
	}
	is := func(kind migrationv1beta1.MigrationConditionType) bool {
		return meta.IsStatusConditionTrue(m.Status.Conditions, string(kind))
	}
	if is(migrationv1beta1.MigrationSucceeded) && is(migrationv1beta1.MigrationFailed) {
		errs = append(errs, field.Invalid(path.Child("conditions"), m.Status.Conditions, "Both success and failed conditions cannot be true at the same time"))
	}
	return errs
}
