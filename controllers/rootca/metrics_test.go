package rootca

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	refuse := true
	api := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if refuse {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, o.GetName(), nil)
			}
			return c.Create(ctx, o, opts...)
		},
	}).Build()
	c := &Controller{Client: api, RootCA: []byte("x"), clock: clock.RealClock{}, metrics: newMetrics(registry)}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := c.Reconcile(t.Context(), ns); err == nil {
		t.Error("no error of a write that was refused")
	}
	refuse = false
	if _, err := c.Reconcile(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	all := fuzzing.Metrics(t, registry)
	for _, name := range []string{"root_ca_cert_publisher_sync_total{200}", "root_ca_cert_publisher_sync_total{403}", "root_ca_cert_publisher_sync_duration_seconds{200}"} {
		if all[name] != 1 {
			t.Errorf("%s is %v, want 1", name, all[name])
		}
	}
}
