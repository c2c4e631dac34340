package scale

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
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/write"
)

// applyScale merges an applied Scale. Its one field is that of the object behind it, whose managers it concerns.
func (c Verbs) applyScale(body []byte, options call.WriteOptions) error {
	fields := c.Fields()
	if fields == nil {
		return refusal.UnsupportedMedia([]string{string(types.JSONPatchType), string(types.MergePatchType), string(types.StrategicMergePatchType)})
	}
	scale, names, err := c.readScale(body)
	if err != nil {
		return err
	}
	wanted, err := c.wantedReplicas(scale, names)
	if err != nil {
		return err
	}
	obj, _, err := c.Do(c.Context(), write.Change{
		Name: c.Info.Name, Options: options, Unconditional: true, Managed: true, Admit: c.admitAs(func() *autoscalingv1.Scale { return nil }),
		Apply: func(_ context.Context, now write.Current) (resource.Object, error) {
			if err := c.checkScale(scale); err != nil {
				return nil, err
			}
			shown, err := c.At.Versioned(now.Object)
			if err != nil {
				return nil, err
			}
			merged, err := fields.Apply(c.At.Row, c.At.GVK, shown, fieldmanager.Configuration{
				Data: wanted, Manager: options.Manager, Force: options.Force, Subresource: c.Info.Subresource,
			})
			if err != nil {
				return nil, asScaleConflict(err, c.At.GVK.GroupVersion().String())
			}
			merged.GetObjectKind().SetGroupVersionKind(c.At.GVK)
			stored, err := c.At.Stored(merged)
			if err != nil {
				return nil, err
			}
			replicas, _ := c.Sub.Scale.Replicas(stored)
			return stored, c.checkCount(replicas)
		},
	})
	if err != nil {
		return err
	}
	return c.show(obj)
}

// readScale reads an applied Scale; named says whether it names the replicas.
func (c Verbs) readScale(body []byte) (scale *autoscalingv1.Scale, named bool, err error) {
	data, err := yaml.YAMLToJSON(body)
	if err != nil {
		return nil, false, apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: %v", err))
	}
	scale = &autoscalingv1.Scale{}
	faults, err := kjson.UnmarshalStrict(data, scale)
	if err != nil {
		return nil, false, apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: %v", err))
	}
	if kind := scale.GroupVersionKind(); kind != c.GVK() {
		return nil, false, apierrors.NewBadRequest(fmt.Sprintf("invalid object type: %s", kind))
	}
	for _, fault := range faults {
		if name, found := strings.CutPrefix(fault.Error(), "unknown field "); found {
			return nil, false, refusal.Plain(http.StatusInternalServerError, fmt.Sprintf("failed to create typed patch object (%s/%s; %s): .%s: field not declared in schema",
				scale.Namespace, scale.Name, c.GVK(), strings.Trim(name, `"`)))
		}
	}
	var given struct{ Metadata, Spec map[string]any }
	if err := json.Unmarshal(data, &given); err != nil {
		return nil, false, apierrors.NewBadRequest(err.Error())
	}
	if _, said := given.Metadata["name"]; !said {
		scale.Name = c.Info.Name // merged into the Scale that there is, it has its name
	}
	_, named = given.Spec["replicas"]
	return scale, named, nil
}

// wantedReplicas is the applied configuration of the object behind a Scale.
func (c Verbs) wantedReplicas(scale *autoscalingv1.Scale, named bool) ([]byte, error) {
	metadata := map[string]any{"name": c.Info.Name, "namespace": c.Info.Namespace}
	if scale.ResourceVersion != "" {
		metadata["resourceVersion"] = scale.ResourceVersion
	}
	if scale.UID != "" {
		metadata["uid"] = scale.UID
	}
	wanted := map[string]any{"apiVersion": c.At.GVK.GroupVersion().String(), "kind": c.At.GVK.Kind, "metadata": metadata}
	if named {
		if err := unstructured.SetNestedField(wanted, int64(scale.Spec.Replicas), c.countAt()...); err != nil {
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
