package envtest

import (
	"context"
	"net/http"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

var boats = schema.GroupVersionKind{Group: "harbour.example.com", Version: "v1", Kind: "Boat"}

func boat(name string, crew int64) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"crew": crew}}}
	o.SetGroupVersionKind(boats)
	o.SetNamespace("default")
	o.SetName(name)
	return o
}

func boatDefinition() *apiextensionsv1.CustomResourceDefinition {
	object := func(properties map[string]apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
		return apiextensionsv1.JSONSchemaProps{Type: "object", Properties: properties}
	}
	whole := object(map[string]apiextensionsv1.JSONSchemaProps{
		"spec":   object(map[string]apiextensionsv1.JSONSchemaProps{"crew": {Type: "integer"}, "name": {Type: "string"}}),
		"status": object(map[string]apiextensionsv1.JSONSchemaProps{"ready": {Type: "boolean"}}),
	})
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "boats.harbour.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: boats.Group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "boats", Singular: "boat", Kind: "Boat", ListKind: "BoatList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &whole},
				Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
			}},
		},
	}
}

// boatWebhooks are called for boats at the paths below.
func boatWebhooks() envtest.WebhookInstallOptions {
	rules := []admissionregistrationv1.RuleWithOperations{{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{boats.Group}, APIVersions: []string{"v1"}, Resources: []string{"boats"}},
	}}
	at := func(path string) admissionregistrationv1.WebhookClientConfig {
		return admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "default", Name: "hooks", Path: &path}}
	}
	none := ptr.To(admissionregistrationv1.SideEffectClassNone)
	return envtest.WebhookInstallOptions{
		MutatingWebhooks: []*admissionregistrationv1.MutatingWebhookConfiguration{{
			ObjectMeta: metav1.ObjectMeta{Name: "names"},
			Webhooks: []admissionregistrationv1.MutatingWebhook{{
				Name: "names.harbour.example.com", ClientConfig: at("/name"), Rules: rules, SideEffects: none, AdmissionReviewVersions: []string{"v1"},
			}},
		}},
		ValidatingWebhooks: []*admissionregistrationv1.ValidatingWebhookConfiguration{{
			ObjectMeta: metav1.ObjectMeta{Name: "crews"},
			Webhooks: []admissionregistrationv1.ValidatingWebhook{{
				Name: "crews.harbour.example.com", ClientConfig: at("/crew"), Rules: rules, SideEffects: none, AdmissionReviewVersions: []string{"v1"},
			}},
		}},
	}
}

// serveBoatWebhooks names boats that have no name, and refuses those without a crew.
func serveBoatWebhooks(hooks webhook.Server, decoder admission.Decoder) {
	read := func(r admission.Request) *unstructured.Unstructured {
		o := &unstructured.Unstructured{}
		_ = decoder.Decode(r, o)
		return o
	}
	hooks.Register("/name", &webhook.Admission{Handler: admission.HandlerFunc(func(_ context.Context, r admission.Request) admission.Response {
		o := read(r)
		_ = unstructured.SetNestedField(o.Object, "MS "+o.GetName(), "spec", "name")
		named, err := o.MarshalJSON()
		if err != nil {
			return admission.Errored(http.StatusInternalServerError, err)
		}
		return admission.PatchResponseFromRaw(r.Object.Raw, named)
	})})
	hooks.Register("/crew", &webhook.Admission{Handler: admission.HandlerFunc(func(_ context.Context, r admission.Request) admission.Response {
		if crew, _, _ := unstructured.NestedInt64(read(r).Object, "spec", "crew"); crew == 0 {
			return admission.Denied("a boat needs a crew")
		}
		return admission.Allowed("")
	})})
}

// harbour makes a ConfigMap for every boat, and says in the boat's status that it did.
type harbour struct{ client.Client }

// Reconcile implements reconcile.Reconciler.
func (h *harbour) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	o := boat("", 0)
	if err := h.Get(ctx, request.NamespacedName, o); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	log := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: "log-of-" + o.GetName()}}
	if err := controllerutil.SetControllerReference(o, log, h.Scheme()); err != nil {
		return reconcile.Result{}, err
	}
	if err := h.Create(ctx, log); err != nil && !apierrors.IsAlreadyExists(err) {
		return reconcile.Result{}, err
	}
	before := o.DeepCopy()
	_ = unstructured.SetNestedField(o.Object, true, "status", "ready")
	return reconcile.Result{}, h.Status().Patch(ctx, o, client.MergeFrom(before))
}

// An operator's own test: its definitions and webhooks are installed, its manager runs, and its objects are looked after.
func TestAnOperator(t *testing.T) {
	env := &envtest.Environment{CRDs: []*apiextensionsv1.CustomResourceDefinition{boatDefinition()}, WebhookInstallOptions: boatWebhooks()}
	env.ControlPlane.GetAPIServer().Configure().Append("controllers", "*")
	c := start(t, env)
	installed := &env.WebhookInstallOptions
	mgr, err := ctrl.NewManager(env.Config, ctrl.Options{
		Metrics: server.Options{BindAddress: "0"}, Controller: config.Controller{SkipNameValidation: ptr.To(true)},
		WebhookServer: webhook.NewServer(webhook.Options{
			Host: installed.LocalServingHost, Port: installed.LocalServingPort, CertDir: installed.LocalServingCertDir,
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	serveBoatWebhooks(mgr.GetWebhookServer(), admission.NewDecoder(mgr.GetScheme()))
	if err := builder.ControllerManagedBy(mgr).For(boat("", 0)).Owns(&corev1.ConfigMap{}).Complete(&harbour{mgr.GetClient()}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	useBoats(t, c)
}

func useBoats(t *testing.T, c client.Client) {
	t.Helper()
	made := boat("anna", 3)
	eventually(t, "making a boat, once the webhooks answer", func(ctx context.Context) (bool, error) {
		err := c.Create(ctx, made)
		return err == nil, err
	})
	if name, _, _ := unstructured.NestedString(made.Object, "spec", "name"); name != "MS anna" {
		t.Errorf("the boat is named %q by the webhook", name)
	}
	if err := c.Create(t.Context(), boat("empty", 0)); !apierrors.IsForbidden(err) {
		t.Errorf("a boat without a crew: %v, want Forbidden", err)
	}
	eventually(t, "the boat's status", func(ctx context.Context) (bool, error) {
		err := c.Get(ctx, client.ObjectKeyFromObject(made), made)
		ready, _, _ := unstructured.NestedBool(made.Object, "status", "ready")
		return ready, err
	})
	if err := c.Delete(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the collection of what the boat owns", func(ctx context.Context) (bool, error) {
		err := c.Get(ctx, client.ObjectKey{Namespace: "default", Name: "log-of-anna"}, &corev1.ConfigMap{})
		return apierrors.IsNotFound(err), err
	})
}
