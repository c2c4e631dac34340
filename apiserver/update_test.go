package apiserver

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// outrun is a store to which another server writes before the next commit, once it is told what.
type outrun struct {
	storage.Store
	other atomic.Pointer[func(storage.Op) storage.Op]
}

func (o *outrun) Commit(ctx context.Context, ops ...storage.Op) (int64, error) {
	if other := o.other.Swap(nil); other != nil {
		if _, err := o.Store.Commit(ctx, (*other)(ops[0])); err != nil {
			return 0, err
		}
	}
	return o.Store.Commit(ctx, ops...)
}

// A write that names no resourceVersion is made again on top of what another server has written meanwhile. Nothing of the first attempt is
// left, and the client is warned once.
func TestWritesAreMadeAgain(t *testing.T) {
	const owner, one = `{"apiVersion":"v1","kind":"Secret","name":"a","uid":"u1"}`, configMaps + "/one"
	store := &outrun{}
	ts := newServer(t, func(s *Server) {
		store.Store, s.Store, s.FieldManager = s.Store, store, fieldmanager.New(apis.NewScheme())
	})
	at := ts.server.Now().EndpointOf(&request.Info{Version: "v1", Resource: "configmaps"})
	other := func(op storage.Op) storage.Op {
		entry, ok := at.Cached.GetKey(op.Key)
		if !ok {
			t.Errorf("%s is not there", op.Key)
			return op
		}
		obj := entry.Object.(*corev1.ConfigMap).DeepCopy()
		obj.ResourceVersion, obj.Data["theirs"] = "", "x"
		value, err := codec.EncodeStored(obj)
		if err != nil {
			t.Error(err)
		}
		return storage.Op{Key: op.Key, Value: value, Expected: op.Expected}
	}
	for _, test := range []struct {
		why      string
		write    func() *answered
		data     []string
		warnings int
	}{
		{"update", func() *answered {
			return ts.put(one, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","ownerReferences":[`+owner+`,`+owner+`]},"data":{"mine":"x"},"unknown":1}`)
		}, []string{"mine"}, 2},
		{"patch of texts", func() *answered { return ts.patch(mergePatch, one, `{"data":{"mine":"x"}}`) }, []string{"first", "mine", "theirs"}, 0},
		{"patch of a part", func() *answered { return ts.patch(mergePatch, one, `{"data":{"mine":"x"},"immutable":false}`) }, []string{"first", "mine", "theirs"}, 0},
		{"apply", func() *answered {
			return ts.patch("application/apply-patch+yaml", one+"?fieldManager=m", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"mine":"x"}}`)
		}, []string{"first", "mine", "theirs"}, 0},
	} {
		ts.post(configMaps, `{"metadata":{"name":"one"},"data":{"first":"x"}}`).wants(http.StatusCreated)
		store.other.Store(&other)
		got := test.write().wants(http.StatusOK)
		if store.other.Load() != nil {
			t.Errorf("%s: nobody wrote meanwhile", test.why)
		}
		data, _ := got.object().Object["data"].(map[string]any)
		if diff := cmp.Diff(test.data, slices.Sorted(maps.Keys(data))); diff != "" {
			t.Errorf("%s: %s", test.why, diff)
		}
		if warnings := got.header.Values("Warning"); len(warnings) != test.warnings {
			t.Errorf("%s: %d warnings: %q", test.why, len(warnings), warnings)
		}
		ts.delete(one, "").wants(http.StatusOK)
	}
}

// A client that writes what it has seen makes it anew where it is gone, whatever resourceVersion it had: so leaders take their lease back.
func TestWhatIsMadeAnewHasNoResourceVersionBefore(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.FieldManager = fieldmanager.New(apis.NewScheme()) })
	const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
	ts.put(leases+"/l", `{"metadata":{"name":"l","resourceVersion":"5"}}`).wants(http.StatusCreated)
	ts.put(leases+"/m", `{"metadata":{"name":"m","uid":"of another","resourceVersion":"5"}}`).wants(http.StatusConflict)
	ts.put(configMaps+"/l", `{"metadata":{"name":"l","resourceVersion":"5"}}`).wants(http.StatusNotFound) // which updates do not make
	apply := "application/apply-patch+yaml"
	ts.patch(apply, configMaps+"/a?fieldManager=x", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"5"}}`).wants(http.StatusCreated)
	ts.post(configMaps, `{"metadata":{"name":"b","resourceVersion":"0"}}`).wants(http.StatusCreated)
	ts.post(configMaps, `{"metadata":{"name":"c","resourceVersion":"5"}}`).wants(http.StatusInternalServerError)
	for kind, body := range map[string]string{
		"application/merge-patch+json": `{"metadata":{"resourceVersion":""}}`,
		apply:                          `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l","resourceVersion":"0"}}`,
	} {
		ts.patch(kind, leases+"/l?fieldManager=x", body).wants(http.StatusUnprocessableEntity)
	}
}
