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
// the definition, of which only a skeleton is at hand, is not sent, and the server need not look at it: such a patch goes by the members that
// it names.
func (e *Extensions) writeStatus(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) error {
	status, names := &crd.Status, &crd.Status.AcceptedNames
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": crd.UID, "resourceVersion": crd.ResourceVersion},
		"status": map[string]any{
			"conditions": status.Conditions, "storedVersions": status.StoredVersions, "observedGeneration": status.ObservedGeneration,
			"acceptedNames": map[string]any{
				"plural": names.Plural, "singular": orNull(names.Singular), "shortNames": names.ShortNames, "kind": names.Kind,
				"listKind": orNull(names.ListKind), "categories": names.Categories,
			},
		},
	})
	if err != nil {
		return fmt.Errorf("encoding the status of definition %s: %w", crd.Name, err)
	}
	return e.Raw.Patch(types.MergePatchType).AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd.Name, "status").
		SetHeader("Accept", metadataAlone).Body(body).Do(ctx).Error()
}

// orNull takes what is empty away.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
