package golden

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/cloud-provider/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cluster/clients"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// policy has every write recorded with its answer.
const policy = `{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
"rules": [{"level": "None", "verbs": ["get", "list", "watch"]}, {"level": "None", "resources": [{"group": "coordination.k8s.io"}, {"group": "authorization.k8s.io"}]}, {"level": "RequestResponse"}]}`

// world is a control plane in a bubble.
type world struct {
	running *cluster.Cluster
	client  client.Client
	cloud   *fake.Cloud // nil: none

	mu  sync.Mutex
	log []auditv1.Event // since it was last taken
}

// Write implements audit.Sink.
func (w *world) Write(event *auditv1.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, *event)
}

// take returns what was recorded since the last time.
func (w *world) take() []auditv1.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log
	w.log = nil
	return log
}

// create starts a control plane in the bubble of t, with what s wants.
func create(t *testing.T, dir string, s *script) *world {
	t.Helper()
	o, network := cluster.ForTest(dir), newMemory()
	o.Listener, o.SimulatedNodes, o.FeatureGates, o.EtcdListenClientURLs = network, s.nodes, s.gates, []string{options.ListenNowhere}
	o.Disable = slices.DeleteFunc(o.Disable, func(name string) bool {
		return slices.Contains(s.enabled, name) || s.cloud && name == options.CloudControllers
	})
	o.EnableBootstrapTokenAuth = false // a token of its own would be another each time
	w := &world{}
	if s.cloud {
		w.cloud = newCloud()
		o.Cloud = w.cloud
	}
	o.AuditPolicyFile, o.AuditSink = filepath.Join(dir, "policy"), w
	err := os.WriteFile(o.AuditPolicyFile, []byte(policy), 0o600)
	if err == nil {
		w.running, err = cluster.Start(t.Context(), o)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.running.Config.Dial = network.dial
	if w.client, err = client.New(w.running.Config, client.Options{Scheme: apis.NewScheme(), Mapper: clients.NewMapper(apis.All())}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(time.Now().Add(pause).Truncate(time.Second))) // what counts in seconds counts from the same instant
	synctest.Wait()
	return w
}

// end stops the control plane.
func (w *world) end(t *testing.T) {
	t.Helper()
	if err := w.running.Stop(); err != nil {
		t.Error(err)
	}
}

// play does one step and returns when nothing more happens within its time.
func (w *world) play(ctx context.Context, s step) error {
	if err := w.act(ctx, s); err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	time.Sleep(s.after)
	synctest.Wait()
	return nil
}

func (w *world) act(ctx context.Context, s step) error {
	w.turn(s.cloud)
	if s.object == nil {
		return nil
	}
	if s.delete {
		var how []client.DeleteOption
		if s.propagate != "" {
			how = append(how, client.PropagationPolicy(s.propagate))
		}
		return w.client.Delete(ctx, s.object, how...)
	}
	if s.part != "" {
		return w.client.SubResource(s.part).Apply(ctx, client.ApplyConfigurationFromUnstructured(s.object), client.ForceOwnership, client.FieldOwner("user"))
	}
	status, reported := s.object.Object["status"]
	whole := s.object.DeepCopy()
	delete(whole.Object, "status")
	if err := w.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(whole), client.ForceOwnership, client.FieldOwner("user")); err != nil {
		return err
	}
	if !reported {
		return nil
	}
	synctest.Wait()
	part := &unstructured.Unstructured{Object: map[string]any{"status": status}}
	part.SetGroupVersionKind(s.object.GroupVersionKind())
	part.SetNamespace(s.object.GetNamespace())
	part.SetName(s.object.GetName())
	return w.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(part), client.ForceOwnership, client.FieldOwner("user"))
}
