package apiserver

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// serveScale reads and writes the replica count of an object as a Scale.
func (c *call) serveScale() error {
	if err := c.negotiate(); err != nil {
		return err
	}
	switch c.info.Verb {
	case "get":
		entry, err := c.find(c.info.Name)
		if err != nil {
			return err
		}
		obj, err := c.at.object(c.ctx(), entry)
		if err != nil {
			return err
		}
		return c.writeScale(c.scaleOf(obj))
	case "update":
		return c.updateScale()
	case "patch":
		return c.patchScale()
	}
	return errMethod(c.groupResource())
}

// scaleOf shows an object as a Scale.
func (c *call) scaleOf(obj resource.Object) *autoscalingv1.Scale {
	spec, status := c.sub.Scale.Replicas(obj)
	scale := &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: obj.GetName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(),
			ResourceVersion: obj.GetResourceVersion(), CreationTimestamp: obj.GetCreationTimestamp(),
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: spec},
		Status: autoscalingv1.ScaleStatus{Replicas: status},
	}
	if c.sub.Scale.StatusSelector != nil {
		scale.Status.Selector = c.sub.Scale.StatusSelector(obj)
	}
	scale.SetGroupVersionKind(c.gvk())
	return scale
}

func (c *call) updateScale() error {
	options, err := c.updateOptions()
	if err != nil {
		return err
	}
	scale := &autoscalingv1.Scale{}
	if err := c.readInto(scale, c.gvk(), options); err != nil {
		return err
	}
	return c.changeScale(options, func(resource.Object) (*autoscalingv1.Scale, error) { return scale.DeepCopy(), nil })
}

func (c *call) patchScale() error {
	patchType, err := c.patchType()
	if err != nil {
		return err
	}
	options, err := c.patchOptions(patchType)
	if err != nil {
		return err
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	if patchType == types.ApplyYAMLPatchType {
		return c.applyScale(body, options)
	}
	patch, err := patcher(patchType, body, &autoscalingv1.Scale{})
	if err != nil {
		return err
	}
	return c.changeScale(options, func(now resource.Object) (*autoscalingv1.Scale, error) {
		before, err := codec.Encode(c.scaleOf(now), codec.JSON)
		if err != nil {
			return nil, err
		}
		after, err := patch.apply(before)
		if err != nil {
			return nil, err
		}
		scale := &autoscalingv1.Scale{}
		faults, err := c.decoder.Decode(codec.Body{Data: after, Strict: options.looksForFaults()}, c.gvk(), scale)
		if err != nil {
			return nil, err
		}
		return scale, c.judge(faults, c.gvk(), options)
	})
}

// changeScale writes a wanted Scale into its object.
func (c *call) changeScale(options writeOptions, wanted func(resource.Object) (*autoscalingv1.Scale, error)) error {
	var sent *autoscalingv1.Scale
	obj, _, err := c.do(c.ctx(), change{
		name: c.info.Name, options: options, unconditional: true, scale: func() *autoscalingv1.Scale { return sent },
		apply: func(_ context.Context, now current) (resource.Object, error) {
			scale, err := wanted(now.object)
			if err != nil {
				return nil, err
			}
			if err := c.checkScale(scale); err != nil {
				return nil, err
			}
			obj := now.object.DeepCopyObject().(resource.Object)
			sent = scale
			c.sub.Scale.SetReplicas(obj, scale.Spec.Replicas)
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
	return c.writeScale(c.scaleOf(obj))
}

func (c *call) checkScale(scale *autoscalingv1.Scale) error {
	if scale.Name != c.info.Name {
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", scale.Name, c.info.Name))
	}
	if scale.Namespace != "" && scale.Namespace != c.info.Namespace {
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	if scale.Spec.Replicas < 0 && c.at.custom == nil {
		return invalid(c.gvk().GroupKind(), scale.Name, field.ErrorList{
			field.Invalid(field.NewPath("spec", "replicas"), scale.Spec.Replicas, "must be greater than or equal to 0").WithOrigin("minimum"),
		})
	}
	return nil
}
