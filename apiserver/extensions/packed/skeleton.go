package packed

import (
	"bytes"
	"encoding/json"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

// The shapes of a definition of which schemas and managed fields are passed over: decoding them takes nearly all the time.
type (
	skeleton struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        skeletonMeta                                   `json:"metadata"`
		Spec            skeletonSpec                                   `json:"spec"`
		Status          apiextensionsv1.CustomResourceDefinitionStatus `json:"status"`
	}
	skeletonMeta struct {
		metav1.ObjectMeta `json:",inline"`
		ManagedFields     json.RawMessage `json:"managedFields"`
	}
	skeletonSpec struct {
		apiextensionsv1.CustomResourceDefinitionSpec `json:",inline"`
		Versions                                     []skeletonVersion `json:"versions"`
	}
	skeletonVersion struct {
		apiextensionsv1.CustomResourceDefinitionVersion `json:",inline"`
		Schema                                          json.RawMessage `json:"schema"`
	}
)

// Skeleton decodes what Pack keeps of a value in JSON. It returns nil for a value in another form.
func Skeleton(value []byte) (*apiextensionsv1.CustomResourceDefinition, error) {
	if !bytes.HasPrefix(bytes.TrimLeft(value, " \n"), []byte("{")) {
		return nil, nil
	}
	s := &skeleton{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(value, s); err != nil {
		return nil, fmt.Errorf("decoding stored definition: %w", err)
	}
	d := &apiextensionsv1.CustomResourceDefinition{TypeMeta: s.TypeMeta, ObjectMeta: s.Metadata.ObjectMeta, Spec: s.Spec.CustomResourceDefinitionSpec, Status: s.Status}
	d.Spec.Versions = make([]apiextensionsv1.CustomResourceDefinitionVersion, len(s.Spec.Versions))
	for i := range s.Spec.Versions {
		d.Spec.Versions[i] = s.Spec.Versions[i].CustomResourceDefinitionVersion
		if len(s.Spec.Versions[i].Schema) > 0 {
			d.Spec.Versions[i].Schema = &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{}}
		}
	}
	return d, nil
}
