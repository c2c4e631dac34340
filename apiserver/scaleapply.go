package apiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

// applyScale merges an applied Scale. Its one field is that of the object behind it, whose managers it concerns.
func (c *call) applyScale(body []byte, options writeOptions) error {
	fields := c.fields()
	if fields == nil {
		return unsupportedMedia([]string{string(types.JSONPatchType), string(types.MergePatchType), string(types.StrategicMergePatchType)})
	}
	scale, names, err := c.readScale(body)
	if err != nil {
		return err
	}
	wanted, err := c.wantedReplicas(scale, names)
	if err != nil {
		return err
	}
	obj, _, err := c.do(c.ctx(), change{
		name: c.info.Name, options: options, unconditional: true, managed: true,
		apply: func(_ context.Context, now current) (resource.Object, error) {
			if err := c.checkScale(scale); err != nil {
				return nil, err
			}
			shown, err := c.at.versioned(now.object)
			if err != nil {
				return nil, err
			}
			merged, err := fields.Apply(c.at.row, c.at.gvk, shown, fieldmanager.Configuration{
				Data: wanted, Manager: options.manager, Force: options.force, Subresource: c.info.Subresource,
			})
			if err != nil {
				return nil, asScaleConflict(err, c.at.gvk.GroupVersion().String())
			}
			merged.GetObjectKind().SetGroupVersionKind(c.at.gvk)
			return c.at.stored(merged)
		},
	})
	if err != nil {
		return err
	}
	return c.writeScale(c.scaleOf(obj))
}

// readScale reads an applied Scale; named says whether it names the replicas.
func (c *call) readScale(body []byte) (scale *autoscalingv1.Scale, named bool, err error) {
	data, err := yaml.YAMLToJSON(body)
	if err != nil {
		return nil, false, apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: %v", err))
	}
	scale = &autoscalingv1.Scale{}
	faults, err := kjson.UnmarshalStrict(data, scale)
	if err != nil {
		return nil, false, apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: %v", err))
	}
	if kind := scale.GroupVersionKind(); kind != c.gvk() {
		return nil, false, apierrors.NewBadRequest(fmt.Sprintf("invalid object type: %s", kind))
	}
	for _, fault := range faults {
		if name, found := strings.CutPrefix(fault.Error(), "unknown field "); found {
			return nil, false, plainError(http.StatusInternalServerError, fmt.Sprintf("failed to create typed patch object (%s/%s; %s): .%s: field not declared in schema",
				scale.Namespace, scale.Name, c.gvk(), strings.Trim(name, `"`)))
		}
	}
	var given struct{ Spec map[string]any }
	if err := json.Unmarshal(data, &given); err != nil {
		return nil, false, apierrors.NewBadRequest(err.Error())
	}
	_, named = given.Spec["replicas"]
	return scale, named, nil
}

// wantedReplicas is the applied configuration of the object behind a Scale.
func (c *call) wantedReplicas(scale *autoscalingv1.Scale, named bool) ([]byte, error) {
	metadata := map[string]any{"name": c.info.Name, "namespace": c.info.Namespace}
	if scale.ResourceVersion != "" {
		metadata["resourceVersion"] = scale.ResourceVersion
	}
	if scale.UID != "" {
		metadata["uid"] = scale.UID
	}
	wanted := map[string]any{"apiVersion": c.at.gvk.GroupVersion().String(), "kind": c.at.gvk.Kind, "metadata": metadata}
	if named {
		at := c.sub.Scale.Path
		if at == nil {
			at = []string{"spec", "replicas"}
		}
		if err := unstructured.SetNestedField(wanted, int64(scale.Spec.Replicas), at...); err != nil {
			return nil, err
		}
	}
	return json.Marshal(wanted)
}

// asScaleConflict tells a conflict about the replicas of an object in the words of a Scale.
func asScaleConflict(err error, version string) error {
	status, ok := err.(apierrors.APIStatus) //nolint:errorlint // the field manager's own
	if !ok || !apierrors.IsConflict(err) {
		return err
	}
	told := status.Status()
	inScale := func(text string) string {
		return strings.ReplaceAll(text, " using "+version, " using "+autoscalingv1.SchemeGroupVersion.String())
	}
	told.Message = inScale(told.Message)
	if told.Details != nil {
		told.Details = told.Details.DeepCopy()
		for i := range told.Details.Causes {
			told.Details.Causes[i].Message = inScale(told.Details.Causes[i].Message)
		}
	}
	return &apierrors.StatusError{ErrStatus: told}
}
