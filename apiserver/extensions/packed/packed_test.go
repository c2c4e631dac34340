package packed_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
)

func definition(description, status string) *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		TypeMeta: metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "hosts.example.com", Annotations: map[string]string{"small": "a", "large": strings.Repeat("x", 2000)},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m", Operation: metav1.ManagedFieldsOperationUpdate}},
		},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{Group: "example.com", Versions: []apiextensionsv1.CustomResourceDefinitionVersion{
			{Name: "v1", Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", Description: description}}}, {Name: "v2"},
		}},
		Status: apiextensionsv1.CustomResourceDefinitionStatus{StoredVersions: []string{status}},
	}
}

func pack(t *testing.T, d *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	value, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	skeleton := d.DeepCopy()
	skeleton.ResourceVersion = "7"
	if err := new(packed.Packer).Pack(skeleton, value); err != nil {
		t.Fatal(err)
	}
	if got, err := packed.Stored(skeleton); err != nil || string(got) != string(value) {
		t.Errorf("stored %s, want %s: %v", got, value, err)
	}
	if got, none := packed.Size(skeleton), packed.Size(d); got != len(value) || none != 0 {
		t.Errorf("stored %d bytes and %d, want %d and none", got, none, len(value))
	}
	return skeleton
}

func TestWholeIsWhatWasPacked(t *testing.T) {
	want := definition("one", "v1")
	skeleton := pack(t, want)
	if skeleton.ManagedFields != nil || skeleton.Annotations["large"] != "" || skeleton.Annotations["small"] != "a" || skeleton.Spec.Versions[0].Schema.OpenAPIV3Schema.Type != "" {
		t.Errorf("the skeleton is not small: %v", skeleton)
	}
	got, err := packed.Whole(skeleton)
	if err != nil {
		t.Fatal(err)
	}
	want.ResourceVersion = "7"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if same, err := packed.Whole(want); err != nil || same != want {
		t.Errorf("what is no skeleton became %v, %v", same, err)
	}
}

func TestWhatCannotBeUnpackedIsNotWhole(t *testing.T) {
	skeleton := pack(t, definition("one", "v1"))
	skeleton.Annotations["\x00stored"] = "broken"
	if whole, err := packed.Whole(skeleton); err == nil {
		t.Errorf("it became %v", whole)
	}
	if value, err := packed.Stored(skeleton); err == nil {
		t.Errorf("stored %s", value)
	}
}

func TestSkeletonKeepsItsApproval(t *testing.T) {
	d := definition("one", "v1")
	d.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation] = "https://example.com/" + strings.Repeat("x", 2000)
	if got := pack(t, d).Annotations[apiextensionsv1.KubeAPIApprovedAnnotation]; got != d.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation] {
		t.Errorf("its approval is %q", got)
	}
}

// Whether two revisions are served alike is seen without unpacking them.
func TestSkeletonsOfTheSameSpecificationAreAlike(t *testing.T) {
	one := pack(t, definition("one", "v1"))
	if !equality.Semantic.DeepEqual(one.Spec, pack(t, definition("one", "v2")).Spec) {
		t.Error("another status makes another specification")
	}
	if equality.Semantic.DeepEqual(one.Spec, pack(t, definition("two", "v1")).Spec) {
		t.Error("another schema makes no other specification")
	}
}

// A skeleton that is decoded as such is the one that is made of the whole.
func TestSkeletonIsThatOfTheWhole(t *testing.T) {
	want := definition("one", "v1")
	value, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := packed.Skeleton(value)
	if err != nil {
		t.Fatal(err)
	}
	packer := &packed.Packer{}
	if err := packer.Pack(got, value); err != nil {
		t.Fatal(err)
	}
	if err := packer.Pack(want, value); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if none, err := packed.Skeleton([]byte("k8s\x00")); none != nil || err != nil {
		t.Errorf("what is not in JSON became %v, %v", none, err)
	}
}
