package apiserver

import (
	"slices"
	"strconv"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/schemas"
)

// definitionHooks: a CustomResourceDefinition goes only after its objects, and says so meanwhile.
func (s *Server) definitionHooks() hooks {
	return hooks{
		holds: func(obj resource.Object) bool { return obj.GetDeletionTimestamp() == nil },
		onTerminate: func(obj resource.Object) {
			crd := obj.(*apiextensionsv1.CustomResourceDefinition)
			known := func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
				return c.Type == apiextensionsv1.Terminating
			}
			crd.SetDeletionGracePeriodSeconds(nil)
			if slices.ContainsFunc(crd.Status.Conditions, known) {
				return
			}
			crd.Generation-- // unlike others, whose generation counts the beginning of their deletion
			crd.Finalizers = append(crd.Finalizers, apiextensionsv1.CustomResourceCleanupFinalizer)
			crd.Status.Conditions = append(crd.Status.Conditions, apiextensionsv1.CustomResourceDefinitionCondition{
				Type: apiextensionsv1.Terminating, Status: apiextensionsv1.ConditionTrue, LastTransitionTime: metav1.NewTime(s.Clock.Now().Truncate(time.Second)),
				Reason: "InstanceDeletionPending", Message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
			})
		},
	}
}

// decodePacked reads a stored definition for the watch cache, where it is kept packed.
func (k *kind) decodePacked(value []byte, revision int64) (runtime.Object, error) {
	d, err := packed.Skeleton(value)
	if err != nil {
		return nil, err
	}
	if d == nil { // not in JSON
		whole, err := k.decode(value, revision)
		if err != nil {
			return nil, err
		}
		d = whole.(*apiextensionsv1.CustomResourceDefinition)
	}
	k.storage.Default(d)
	d.SetGroupVersionKind(k.gvk)
	d.SetResourceVersion(strconv.FormatInt(revision, 10))
	return d, k.packer.Pack(d, value)
}

// encodeObject writes an object whose kind is set.
func encodeObject(obj runtime.Object, media codec.Media) ([]byte, error) {
	d, ok := obj.(*apiextensionsv1.CustomResourceDefinition)
	if !ok || media != codec.JSON {
		return codec.Encode(obj, media)
	}
	return schemas.Encode(d, func(d *apiextensionsv1.CustomResourceDefinition) ([]byte, error) { return codec.Encode(d, codec.JSON) })
}

// decodeDefinition reads a definition that a client sent. It returns false for what should be read as all else is, to tell what is wrong.
func (c *call) decodeDefinition(body codec.Body, into resource.Object) bool {
	d, ok := into.(*apiextensionsv1.CustomResourceDefinition)
	if !ok || body.Media != codec.JSON {
		return false
	}
	split, ok := schemas.Take(body.Data)
	if !ok {
		return false
	}
	body.Data = split.Rest
	if faults, err := c.decoder.Decode(body, c.at.gvk, d); err == nil && len(faults) == 0 && split.Fill(d) {
		return true
	}
	codec.Clear(d)
	return false
}

// storedDefinition is the value of which the watch cache keeps an object; nil where that cannot be unpacked.
func storedDefinition(obj runtime.Object) []byte {
	value, err := packed.Stored(obj.(*apiextensionsv1.CustomResourceDefinition))
	if err != nil {
		return nil // the watch cache goes on with the object
	}
	return value
}

// wholeDefinition is what the watch cache keeps packed.
func wholeDefinition(obj resource.Object) (resource.Object, error) {
	return packed.Whole(obj.(*apiextensionsv1.CustomResourceDefinition))
}
