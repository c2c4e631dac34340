package scale

import (
	"context"
	"fmt"
	"strings"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/patch"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/write"
)

// Verbs are what can be done with a Scale, on one request.
type Verbs struct{ write.Verbs }

// Serve reads and writes the replica count of an object as a Scale.
func (c Verbs) Serve() error {
	if err := c.Negotiate(); err != nil {
		return err
	}
	switch c.Info.Verb {
	case "get":
		entry, err := c.Find(c.Info.Name)
		if err != nil {
			return err
		}
		obj, err := c.At.Object(c.Context(), entry)
		if err != nil {
			return err
		}
		return c.show(obj)
	case "update":
		return c.updateScale()
	case "patch":
		return c.patchScale()
	}
	return refusal.Method()
}

// show answers with an object as a Scale, which it must be possible to make of it.
func (c Verbs) show(obj resource.Object) error {
	scale := c.scaleOf(obj)
	if scale.Spec.Replicas == resource.NoReplicas {
		return apierrors.NewInternalError(fmt.Errorf("the spec replicas field %q does not exist", c.path()))
	}
	return c.writeScale(scale)
}

// path of the count in the object.
func (c Verbs) path() string { return "." + strings.Join(c.countAt(), ".") }

func (c Verbs) countAt() []string {
	if at := c.Sub.Scale.Path; at != nil {
		return at
	}
	return []string{"spec", "replicas"}
}

// checkCount refuses a Scale that says as little as the object does how many there are to be.
func (c Verbs) checkCount(replicas int32) error {
	if replicas == resource.NoReplicas {
		return apierrors.NewBadRequest(fmt.Sprintf("the spec replicas field %q cannot be empty", c.path()))
	}
	return nil
}

// scaleOf shows an object as a Scale.
func (c Verbs) scaleOf(obj resource.Object) *autoscalingv1.Scale {
	spec, status := c.Sub.Scale.Replicas(obj)
	scale := &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: obj.GetName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(),
			ResourceVersion: obj.GetResourceVersion(), CreationTimestamp: obj.GetCreationTimestamp(),
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: spec},
		Status: autoscalingv1.ScaleStatus{Replicas: status},
	}
	if c.Sub.Scale.StatusSelector != nil {
		scale.Status.Selector = c.Sub.Scale.StatusSelector(obj)
	}
	scale.SetGroupVersionKind(c.GVK())
	return scale
}

func (c Verbs) updateScale() error {
	options, err := c.UpdateOptions()
	if err != nil {
		return err
	}
	scale := &autoscalingv1.Scale{}
	if err := c.ReadInto(scale, c.GVK(), options); err != nil {
		return err
	}
	return c.changeScale(options, func(resource.Object) (*autoscalingv1.Scale, error) { return scale.DeepCopy(), nil })
}

// patchScale applies a patch to the Scale that the object shows now, and writes what comes of it into the object.
func (c Verbs) patchScale() error {
	sent, err := c.ReadPatch()
	if err != nil {
		return err
	}
	options := sent.Options
	if sent.Type == types.ApplyYAMLPatchType {
		return c.applyScale(sent.Body, options)
	}
	how, err := c.PatchOf(sent, &autoscalingv1.Scale{})
	if err != nil {
		return err
	}
	return c.changeScale(options, func(now resource.Object) (*autoscalingv1.Scale, error) {
		before, err := codec.Encode(c.scaleOf(now), codec.JSON)
		if err != nil {
			return nil, err
		}
		after, err := how.Apply(before)
		if err != nil {
			return nil, err
		}
		scale := &autoscalingv1.Scale{}
		faults, err := c.Decoder.Decode(codec.Body{Data: after, Strict: options.LooksForFaults()}, c.GVK(), scale)
		if err == nil && len(faults) > 0 && options.Validation == metav1.FieldValidationStrict {
			err = runtime.NewStrictDecodingError(faults)
		}
		if err != nil {
			return nil, patch.MisfitOf(after, err)
		}
		return scale, c.Judge(faults, c.GVK(), options)
	})
}

// changeScale writes a wanted Scale into its object.
func (c Verbs) changeScale(options call.WriteOptions, wanted func(resource.Object) (*autoscalingv1.Scale, error)) error {
	var sent *autoscalingv1.Scale
	obj, _, err := c.Do(c.Context(), write.Change{
		Name: c.Info.Name, Options: options, Unconditional: true, Admit: c.admitAs(func() *autoscalingv1.Scale { return sent }),
		Apply: func(_ context.Context, now write.Current) (resource.Object, error) {
			scale, err := wanted(now.Object)
			if err != nil {
				return nil, err
			}
			if err := c.checkScale(scale); err != nil {
				return nil, err
			}
			obj := now.Object.DeepCopyObject().(resource.Object)
			sent = scale
			c.Sub.Scale.SetReplicas(obj, scale.Spec.Replicas)
			obj.SetResourceVersion(scale.ResourceVersion)
			if scale.UID != "" {
				obj.SetUID(scale.UID)
			}
			return obj, nil
		},
	})
	if err != nil {
		return err
	}
	return c.show(obj)
}

func (c Verbs) checkScale(scale *autoscalingv1.Scale) error {
	if scale.Name == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s based on URL) was undeterminable: name must be provided", c.Info.Name))
	}
	if scale.Name != c.Info.Name {
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", scale.Name, c.Info.Name))
	}
	if scale.Namespace != "" && scale.Namespace != c.Info.Namespace {
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	if c.At.Custom != nil {
		return c.checkCount(scale.Spec.Replicas)
	}
	if scale.Spec.Replicas < 0 {
		return refusal.Invalid(c.GVK().GroupKind(), scale.Name, field.ErrorList{
			field.Invalid(field.NewPath("spec", "replicas"), scale.Spec.Replicas, "must be greater than or equal to 0").WithOrigin("minimum"),
		})
	}
	return nil
}
