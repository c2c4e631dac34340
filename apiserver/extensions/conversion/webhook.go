package conversion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"
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

// Convert implements Converter: one call for all objects that are not of the version already.
func (w *Webhook) Convert(ctx context.Context, objects []*unstructured.Unstructured, to schema.GroupVersion) ([]*unstructured.Unstructured, error) {
	out := slices.Clone(objects)
	var sent []runtime.RawExtension
	var at []int
	for i, obj := range objects {
		if obj.GetAPIVersion() != to.String() {
			sent, at = append(sent, runtime.RawExtension{Object: obj}), append(at, i)
		}
	}
	if len(sent) == 0 {
		return out, nil
	}
	kind := objects[at[0]].GroupVersionKind()
	converted, err := w.ask(ctx, sent, to)
	if err != nil {
		return nil, fmt.Errorf("conversion webhook for %v failed: %w", kind, err)
	}
	if len(converted) != len(sent) {
		return nil, fmt.Errorf("conversion webhook for %v returned %d objects, expected %d", kind, len(converted), len(sent))
	}
	for n, raw := range converted {
		obj, err := accept(raw.Raw, objects[at[n]], to)
		if err != nil {
			return nil, fmt.Errorf("conversion webhook for %v returned invalid converted object at index %v: %w", kind, n, err)
		}
		out[at[n]] = obj
	}
	return out, nil
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
	answer := &apiextensionsv1.ConversionReview{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, answer); err != nil {
		return nil, fmt.Errorf("decoding review: %w", err)
	}
	return verdict(answer, review)
}

// verdict is what the webhook answered, if that is an answer to the question.
func verdict(answer, review *apiextensionsv1.ConversionReview) ([]runtime.RawExtension, error) {
	if answer.GroupVersionKind() != review.GroupVersionKind() {
		return nil, fmt.Errorf("expected webhook response of %v, got %v", review.GroupVersionKind(), answer.GroupVersionKind())
	}
	response := answer.Response
	if response == nil {
		return nil, errors.New("no response provided")
	}
	if response.UID != review.Request.UID && review.GroupVersionKind().Version != "v1beta1" {
		return nil, fmt.Errorf("expected response.uid %q, got %q", review.Request.UID, response.UID)
	}
	switch {
	case response.Result.Status == metav1.StatusSuccess:
		return response.ConvertedObjects, nil
	case response.Result.Message != "":
		return nil, errors.New(response.Result.Message)
	}
	return nil, fmt.Errorf("response.result.status was '%s', not 'Success'", response.Result.Status)
}

// accept takes a converted object over, but for the metadata that a conversion may not change.
func accept(raw []byte, original *unstructured.Unstructured, to schema.GroupVersion) (*unstructured.Unstructured, error) {
	obj := &unstructured.Unstructured{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &obj.Object); err != nil {
		return nil, err
	}
	if has := obj.GroupVersionKind().GroupVersion(); has != to {
		return nil, fmt.Errorf("invalid groupVersion (expected %v, received %v)", to, has)
	}
	if has, want := obj.GetKind(), original.GetKind(); has != want {
		return nil, fmt.Errorf("invalid kind (expected %v, received %v)", want, has)
	}
	return obj, keepMetadata(obj, original)
}

// keepMetadata puts the original metadata back, labels and annotations apart.
func keepMetadata(obj, original *unstructured.Unstructured) error {
	given, ok := obj.Object["metadata"].(map[string]any)
	if !ok {
		return fmt.Errorf("invalid metadata of type %T in converted object", obj.Object["metadata"])
	}
	if has, want := obj.GetName(), original.GetName(); has != want {
		return fmt.Errorf("invalid metadata.name in converted object, expected %q, got %q", want, has)
	}
	if has, want := obj.GetNamespace(), original.GetNamespace(); has != want {
		return fmt.Errorf("invalid metadata.namespace in converted object, expected %q, got %q", want, has)
	}
	if has, want := obj.GetUID(), original.GetUID(); has != want {
		return fmt.Errorf("invalid metadata.uid in converted object, expected %q, got %q", want, has)
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
			return fmt.Errorf("invalid metadata.%s of type %T in converted object", name, values)
		}
	}
	obj.Object["metadata"] = kept
	return nil
}
