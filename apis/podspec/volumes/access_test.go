package volumes

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An APIAccess is taken for granted, and so it must be what would pass, and nothing else may be taken for one.
func TestAPIAccess(t *testing.T) {
	known := APIAccess()
	if !IsAPIAccess(&known) {
		t.Fatal("it is not known")
	}
	p := pod{spec: &corev1.PodSpec{ServiceAccountName: "default"}, meta: &metav1.ObjectMeta{Namespace: "default"}}
	if errs := p.validateProjected(known.Projected, nil); len(errs) > 0 {
		t.Errorf("faults are found in it: %v", errs)
	}
	if warnings := projectedWarnings(&corev1.Volume{VolumeSource: known}); len(warnings) > 0 {
		t.Errorf("it is warned of: %q", warnings)
	}
	changes := 0
	eachChange(t, reflect.ValueOf(&known).Elem(), "source", func(what string) {
		changes++
		if IsAPIAccess(&known) {
			t.Errorf("it is known with %s", what)
		}
	})
	if changes < 60 || !IsAPIAccess(&known) {
		t.Errorf("%d changes were tried, and taken back: %t", changes, IsAPIAccess(&known))
	}
}

// eachChange changes a value in each of its places, one after the other, and takes each change back after try.
func eachChange(t *testing.T, v reflect.Value, what string, try func(what string)) {
	before := reflect.ValueOf(v.Interface())
	changed := func(to reflect.Value) {
		v.Set(to)
		try(what)
		v.Set(before)
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			eachChange(t, v.Field(i), what+"."+v.Type().Field(i).Name, try)
		}
	case reflect.Pointer:
		if v.IsNil() {
			changed(reflect.New(v.Type().Elem()))
			return
		}
		eachChange(t, v.Elem(), what, try)
		changed(reflect.Zero(v.Type()))
	case reflect.Slice:
		for i := range v.Len() {
			eachChange(t, v.Index(i), what+"[]", try)
		}
		changed(reflect.Append(v.Slice3(0, v.Len(), v.Len()), reflect.Zero(v.Type().Elem())))
	case reflect.String:
		changed(reflect.ValueOf(v.String() + "x").Convert(v.Type()))
	case reflect.Int32, reflect.Int64:
		changed(reflect.ValueOf(v.Int() + 1).Convert(v.Type()))
	default:
		t.Errorf("%s is of a kind that is not changed: %s", what, v.Kind())
	}
}
