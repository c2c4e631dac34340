package extensions

import (
	"context"
	"encoding/json"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/types"
)

// metadataAlone has a write answered without the schemas.
const metadataAlone = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

// writeStatus puts a status in place of that which the definition has in the revision that it was computed from. The rest of
// the definition, of which only a skeleton is at hand, is not sent.
func (e *Extensions) writeStatus(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) error {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	body, err := json.Marshal([]operation{
		{"test", "/metadata/uid", crd.UID}, {"test", "/metadata/resourceVersion", crd.ResourceVersion}, {"add", "/status", crd.Status},
	})
	if err != nil {
		return fmt.Errorf("encoding the status of definition %s: %w", crd.Name, err)
	}
	return e.Raw.Patch(types.JSONPatchType).AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd.Name, "status").
		SetHeader("Accept", metadataAlone).Body(body).Do(ctx).Error()
}
