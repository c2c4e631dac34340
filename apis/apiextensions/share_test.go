package apiextensions

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// What is validated shares memory with what it is made of, and is not changed.
func TestValidationChangesNothing(t *testing.T) {
	d := &apiextensionsv1.CustomResourceDefinition{}
	if err := json.Unmarshal([]byte(`{"metadata":{"name":"as.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"as","kind":"A"},"versions":[
		{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},"additionalPrinterColumns":[{"name":"x","type":"string","jsonPath":".x"}],
		 "schema":{"openAPIV3Schema":{"type":"object","properties":{"x":{"type":"array","items":{"type":"string","default":"a"},"x-kubernetes-list-type":"set"}},"x-kubernetes-validations":[{"rule":"true"}]}}},
		{"name":"v2","served":true,"subresources":{"status":{}},"schema":{"openAPIV3Schema":{"type":"object","properties":{"x":{"x-kubernetes-int-or-string":true}}}}}]}}`), d); err != nil {
		t.Fatal(err)
	}
	before := d.DeepCopy()
	_ = validateCustomResourceDefinition(d)
	_ = validateCustomResourceDefinitionUpdate(d, d)
	_ = validateCustomResourceDefinitionStatus(d, d)
	if diff := cmp.Diff(before, d); diff != "" {
		t.Error(diff)
	}
}
