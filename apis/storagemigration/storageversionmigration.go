package storagemigration

import (
	"time"

	migrationv1beta1 "k8s.io/api/storagemigration/v1beta1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/resourceversion"
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
		Columns:        resource.Columns("Name", "Resource", "Status"),
		Cells:          resource.Row(cells),
		Validate:       resource.Check(validate),
		ValidateUpdate: resource.CheckUpdate(validateUpdate),
		StoragePrefix:  "storageversionmigrations",
	}, func(m *migration) (*migrationv1beta1.StorageVersionMigrationSpec, *migrationv1beta1.StorageVersionMigrationStatus) {
		return &m.Spec, &m.Status
	}, resource.NoGeneration(), resource.KeepMeta(resource.AllMeta), resource.CheckStatus(validateStatus))
}

func cells(m *migration, _ time.Time) []any {
	status := "Unknown"
	for _, kind := range []migrationv1beta1.MigrationConditionType{migrationv1beta1.MigrationRunning, migrationv1beta1.MigrationSucceeded, migrationv1beta1.MigrationFailed} {
		if is(m, kind) {
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
	var errs field.ErrorList
	if of.Resource == "" {
		errs = append(errs, field.Required(path.Child("resource"), "resource is required to be set"))
	} else {
		errs = append(errs, check.Messages(path.Child("resource"), of.Resource, validation.IsDNS1035Label(of.Resource))...)
	}
	if of.Group != "" {
		errs = append(errs, check.Subdomain(path.Child("group"), of.Group)...)
	}
	return errs
}

func validateUpdate(m, old *migration) field.ErrorList {
	errs := validate(m)
	if !equality.Semantic.DeepEqual(m.Spec, old.Spec) {
		// Upstream shows the type by which it knows specs, whose fields have no other names.
		shown := struct{ Resource metav1.GroupResource }{m.Spec.Resource}
		errs = append(errs, field.Invalid(field.NewPath("spec"), shown, "field is immutable"))
	}
	return errs
}

// validateStatus: a migration that has ended stays so.
func validateStatus(m, old *migration) field.ErrorList {
	path := field.NewPath("status")
	errs := validateRevision(m.Status.ResourceVersion, old.Status.ResourceVersion, path.Child("resourceVersion"))
	conditions := path.Child("conditions")
	errs = append(errs, metav1validation.ValidateConditions(m.Status.Conditions, conditions)...)
	wrong := func(message string) { errs = append(errs, field.Invalid(conditions, m.Status.Conditions, message)) }
	succeeded, failed := is(m, migrationv1beta1.MigrationSucceeded), is(m, migrationv1beta1.MigrationFailed)
	if succeeded && failed {
		wrong("Both success and failed conditions cannot be true at the same time")
	}
	if !succeeded && is(old, migrationv1beta1.MigrationSucceeded) {
		wrong("Success condition cannot be set to false once it is true")
	}
	if !failed && is(old, migrationv1beta1.MigrationFailed) {
		wrong("Failed condition cannot be set to false once it is true")
	}
	return errs
}

func validateRevision(now, old string, path *field.Path) field.ErrorList {
	switch {
	case old != "":
		return check.Immutable(path, now, old)
	case now == "":
		return nil
	}
	if _, err := resourceversion.CompareResourceVersion(now, now); err != nil {
		return field.ErrorList{field.Invalid(path, now, err.Error())}
	}
	return nil
}

func is(m *migration, kind migrationv1beta1.MigrationConditionType) bool {
	return meta.IsStatusConditionTrue(m.Status.Conditions, string(kind))
}
