package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/state"
)

// ask returns the answer to a GET as the administrator.
func ask(t *testing.T, config *rest.Config, path string) string {
	t.Helper()
	h, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, config.Host+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := h.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return fmt.Sprintf("%d %s %v", answer.StatusCode, body, err)
}

// At the quota the server says so and takes deletions only; when they are compacted it takes writes again.
func TestQuotaIsReportedAndLeft(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	o := alone(dir)
	o.EtcdQuotaBackendBytes, o.EtcdListenClientURLs = 8<<20, []string{freeURL(t)}
	running, c := started(t, o)
	access, err := state.ReadAccess(dir)
	if err != nil {
		t.Fatal(err)
	}
	outside := connectTo(t, access)

	content := map[string]string{"x": strings.Repeat("x", 500<<10)}
	var status *apierrors.StatusError
	for i := 0; !errors.As(err, &status); i++ {
		if i == 1000 {
			t.Fatal("everything was taken")
		}
		err = c.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("full-%d", i)}, Data: content})
	}
	if got := status.Status(); got.Code != 500 || got.Message != "etcdserver: mvcc: database space exceeded" {
		t.Errorf("refused with %d %q", got.Code, got.Message)
	}
	if got := ask(t, running.Config, "/readyz"); !strings.HasPrefix(got, "500 ") || !strings.Contains(got, "[-]etcd failed") {
		t.Errorf("/readyz: %s", got)
	}
	got := ask(t, running.Config, "/readyz/etcd")
	for _, want := range []string{"500 ", "alarm NOSPACE", "delete objects, then compact", "--etcd-quota-backend-bytes"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in /readyz/etcd: %s", want, got)
		}
	}
	if err := outside.Healthy(ctx); err == nil {
		t.Error("etcdctl sees no alarm")
	}

	if err := c.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace("default")); err != nil {
		t.Fatal(err)
	}
	now, err := outside.Committed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := outside.Compact(ctx, now); err != nil {
		t.Fatal(err)
	}
	eventually(t, "writing again", func() error {
		return c.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", GenerateName: "again-"}, Data: content})
	})
	if got := ask(t, running.Config, "/readyz"); !strings.HasPrefix(got, "200 ok") {
		t.Errorf("/readyz: %s", got)
	}
	if err := outside.Healthy(ctx); err != nil {
		t.Error(err)
	}
}
