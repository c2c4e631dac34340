package core

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func configMaps() *resource.Resource {
	return &resource.Resource{
		Name:       "configmaps",
		Singular:   "configmap",
		Kind:       "ConfigMap",
		ShortNames: []string{"cm"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.ConfigMap],
			NewList: resource.NewList[corev1.ConfigMapList],
		}},
		Columns:                  resource.Columns("Name:name", "Data", "Age"),
		Cells:                    resource.Row(configMapCells),
		Validate:                 resource.Check(validateConfigMap),
		ValidateUpdate:           resource.CheckUpdate(validateConfigMapUpdate),
		StoragePrefix:            "configmaps",
		AllowUnconditionalUpdate: true,
	}
}

func configMapCells(c *corev1.ConfigMap, now time.Time) []any {
	return []any{c.Name, int64(len(c.Data) + len(c.BinaryData)), resource.AgeOf(c, now)}
}

// The largest content of a ConfigMap or Secret in bytes.
const maxContentSize = 1 << 20

func validateConfigMap(c *corev1.ConfigMap) field.ErrorList {
	total := 0
	errs := check.Entries(c.Data, func(key, value string) field.ErrorList {
		total += len(value)
		at := field.NewPath("data").Key(key)
		errs := check.Messages(at, key, validation.IsConfigMapKey(key))
		if _, twice := c.BinaryData[key]; twice {
			errs = append(errs, field.Invalid(at, key, "duplicate of key present in binaryData"))
		}
		return errs
	})
	errs = append(errs, check.Entries(c.BinaryData, func(key string, value []byte) field.ErrorList {
		total += len(value)
		return check.Messages(field.NewPath("binaryData").Key(key), key, validation.IsConfigMapKey(key))
	})...)
	if total > maxContentSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", maxContentSize))
	}
	return errs
}

const immutable = "field is immutable when `immutable` is set"

func validateConfigMapUpdate(c, old *corev1.ConfigMap) field.ErrorList {
	var errs field.ErrorList
	if ptr.Deref(old.Immutable, false) {
		if !ptr.Deref(c.Immutable, false) {
			errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutable))
		}
		if !sameStrings(c.Data, old.Data) {
			errs = append(errs, field.Forbidden(field.NewPath("data"), immutable))
		}
		if !sameBytes(c.BinaryData, old.BinaryData) {
			errs = append(errs, field.Forbidden(field.NewPath("binaryData"), immutable))
		}
	}
	return append(errs, validateConfigMap(c)...)
}

func sameStrings(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if other, ok := b[key]; !ok || other != value {
			return false
		}
	}
	return true
}

func sameBytes(a, b map[string][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if other, ok := b[key]; !ok || string(other) != string(value) {
			return false
		}
	}
	return true
}
