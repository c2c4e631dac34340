package conversion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/utils/ptr"
	kjson "sigs.k8s.io/json"

	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// timeout of a call. Nothing in a definition says another.
const timeout = 30 * time.Second

var _ Converter = &Webhook{}

// Webhook is the converter of kinds whose authors run a webhook.
type Webhook struct {
	Clients *webhookclient.Clients
	Config  webhookclient.Config
	// Review is the version of ConversionReview that the webhook is asked in: v1 or v1beta1.
	Review string
}

// NewWebhook returns the converter that a definition asks for.
func NewWebhook(clients *webhookclient.Clients, asked *apiextensionsv1.WebhookConversion) *Webhook {
	w := &Webhook{Clients: clients}
	for _, version := range asked.ConversionReviewVersions {
		if slices.Contains([]string{"v1", "v1beta1"}, version) {
			w.Review = version
			break
		}
	}
	if c := asked.ClientConfig; c != nil {
		w.Config = webhookclient.Config{URL: ptr.Deref(c.URL, ""), CABundle: c.CABundle}
		if s := c.Service; s != nil {
			w.Config.Service = &webhookclient.Service{Namespace: s.Namespace, Name: s.Name, Path: ptr.Deref(s.Path, ""), Port: ptr.Deref(s.Port, 443)}
		}
	}
	return w
}

// maxSent bounds the encoded objects of one call. What a webhook makes of them must fit into an answer, which has a bound too.
const maxSent = 1 << 20

// Convert implements Converter: as few calls as maxSent allows for all objects that are not of the version already.
func (w *Webhook) Convert(ctx context.Context, objects []*unstructured.Unstructured, to schema.GroupVersion) ([]*unstructured.Unstructured, error) {
	out := slices.Clone(objects)
	var next []*unstructured.Unstructured
	var sent []runtime.RawExtension
	var at []int
	size := 0
	flush := func() error {
		if len(sent) == 0 {
			return nil
		}
		converted, err := w.convert(ctx, next, sent, to)
		if err != nil {
			return err
		}
		for n, i := range at {
			out[i] = converted[n]
		}
		next, sent, at, size = nil, nil, nil, 0
		return nil
	}
	for i, obj := range objects {
		if obj.GetAPIVersion() == to.String() {
			continue
		}
		raw, err := obj.MarshalJSON()
		if err != nil {
			return nil, refusal("conversion webhook for %v failed: encoding %s: %v", obj.GroupVersionKind(), obj.GetName(), err)
		}
		if size+len(raw) > maxSent {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		next, sent, at, size = append(next, obj), append(sent, runtime.RawExtension{Raw: raw}), append(at, i), size+len(raw)
	}
	return out, flush()
}

// convert has the webhook convert objects, encoded as sent, in one call.
func (w *Webhook) convert(ctx context.Context, objects []*unstructured.Unstructured, sent []runtime.RawExtension, to schema.GroupVersion) ([]*unstructured.Unstructured, error) {
	kind := objects[0].GroupVersionKind()
	converted, err := w.ask(ctx, sent, to)
	if err != nil {
		return nil, refusal("conversion webhook for %v failed: %v", kind, err)
	}
	if len(converted) != len(sent) {
		return nil, refusal("conversion webhook for %v returned %d objects, expected %d", kind, len(converted), len(sent))
	}
	out := make([]*unstructured.Unstructured, len(converted))
	for n, raw := range converted {
		obj := &unstructured.Unstructured{}
		if err := kjson.UnmarshalCaseSensitivePreserveInts(raw.Raw, &obj.Object); err != nil {
			return nil, refusal("%v", err)
		}
		if err := sameKind(obj, objects[n], to); err != nil {
			return nil, refusal("conversion webhook for %v returned invalid object at index %v: %v", kind, n, err)
		}
		if err := sameIdentity(obj, objects[n]); err != nil {
			return nil, refusal("conversion webhook for %v returned invalid object: %v", kind, err)
		}
		if err := keepMetadata(obj, objects[n]); err != nil {
			return nil, refusal("conversion webhook for %v returned invalid metadata: %v", kind, err)
		}
		out[n] = obj
	}
	return out, nil
}

// refusal is the answer to a request whose objects could not be converted.
func refusal(format string, args ...any) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: fmt.Sprintf(format, args...)}}
}

// ask calls the webhook.
func (w *Webhook) ask(ctx context.Context, objects []runtime.RawExtension, to schema.GroupVersion) ([]runtime.RawExtension, error) {
	review := &apiextensionsv1.ConversionReview{
		TypeMeta: metav1.TypeMeta{Kind: "ConversionReview", APIVersion: schema.GroupVersion{Group: apiextensionsv1.GroupName, Version: w.Review}.String()},
		Request:  &apiextensionsv1.ConversionRequest{UID: uuid.NewUUID(), DesiredAPIVersion: to.String(), Objects: objects},
	}
	body, err := json.Marshal(review)
	if err != nil {
		return nil, fmt.Errorf("encoding review: %w", err)
	}
	data, err := w.Clients.Post(ctx, w.Config, body, timeout)
	if err != nil {
		return nil, err
	}
	answer, err := decode(data)
	if err != nil {
		return nil, err
	}
	return verdict(answer, review)
}

// decode reads a review in JSON or in YAML.
func decode(data []byte) (*apiextensionsv1.ConversionReview, error) {
	data, err := yaml.ToJSON(data)
	if err != nil {
		return nil, err
	}
	if _, err := serializer.DefaultMetaFactory.Interpret(data); err != nil {
		return nil, err
	}
	review := &apiextensionsv1.ConversionReview{}
	return review, kjson.UnmarshalCaseSensitivePreserveInts(data, review)
}

// verdict is what the webhook answered, if that is an answer to the question.
func verdict(answer, review *apiextensionsv1.ConversionReview) ([]runtime.RawExtension, error) {
	if answer.GroupVersionKind() != review.GroupVersionKind() {
		return nil, fmt.Errorf("no kind %q is registered for version %q in scheme \"pkg/runtime/scheme.go:111\"", answer.Kind, answer.APIVersion)
	}
	response := answer.Response
	if response == nil {
		return nil, errors.New("no response provided")
	}
	if response.UID != review.Request.UID && review.GroupVersionKind().Version != "v1beta1" {
		return nil, fmt.Errorf("expected response.uid=%q, got %q", review.Request.UID, response.UID)
	}
	switch {
	case response.Result.Status == metav1.StatusSuccess:
		return response.ConvertedObjects, nil
	case response.Result.Message != "":
		return nil, errors.New(response.Result.Message)
	}
	return nil, fmt.Errorf("response.result.status was '%s', not 'Success'", response.Result.Status)
}

// sameKind tells whether a converted object is of the kind, and in the version, that was asked for.
func sameKind(obj, original *unstructured.Unstructured, to schema.GroupVersion) error {
	if has := obj.GroupVersionKind().GroupVersion(); has != to {
		return fmt.Errorf("invalid groupVersion (expected %v, received %v)", to, has)
	}
	if has, want := obj.GetKind(), original.GetKind(); has != want {
		return fmt.Errorf("invalid kind (expected %v, received %v)", want, has)
	}
	return nil
}

// sameIdentity tells whether a conversion has changed which object it is about.
func sameIdentity(obj, original *unstructured.Unstructured) error {
	for _, part := range []struct{ name, want, has string }{
		{"kind", original.GetKind(), obj.GetKind()},
		{"name", original.GetName(), obj.GetName()},
		{"namespace", original.GetNamespace(), obj.GetNamespace()},
		{"UID", string(original.GetUID()), string(obj.GetUID())},
	} {
		if part.want != part.has {
			return fmt.Errorf("must have the same %s: %v != %v", part.name, part.want, part.has)
		}
	}
	return nil
}

// keepMetadata puts the original metadata back, labels and annotations apart.
func keepMetadata(obj, original *unstructured.Unstructured) error {
	given, ok := obj.Object["metadata"].(map[string]any)
	if !ok {
		return errors.New("missing metadata in converted object")
	}
	kept, _ := runtime.DeepCopyJSONValue(original.Object["metadata"]).(map[string]any)
	if kept == nil {
		kept = map[string]any{}
	}
	for _, name := range []string{"labels", "annotations"} {
		delete(kept, name)
		switch values := given[name].(type) {
		case nil:
		case map[string]any:
			kept[name] = values
		default:
			return fmt.Errorf("metadata.%s: is of the type %T, expected map[string]interface{}", name, values)
		}
	}
	path := field.NewPath("metadata")
	errs := metav1validation.ValidateLabels(obj.GetLabels(), path.Child("labels"))
	errs = append(errs, validation.ValidateAnnotations(obj.GetAnnotations(), path.Child("annotations"))...)
	obj.Object["metadata"] = kept
	return errs.ToAggregate()
}
