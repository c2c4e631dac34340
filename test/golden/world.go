package golden

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/rest"
	"k8s.io/cloud-provider/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cluster/clients"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/controllers"
)

// policy has every write recorded with its answer.
const policy = `{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
"rules": [{"level": "None", "verbs": ["get", "list", "watch"]}, {"level": "None", "resources": [{"group": "coordination.k8s.io"}, {"group": "authorization.k8s.io"}]}, {"level": "RequestResponse"}]}`

// world is a control plane in a bubble.
type world struct {
	running *cluster.Cluster
	client  client.Client
	cloud   *fake.Cloud // nil: none
	rounds  rounds

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
	w := &world{rounds: rounds{of: map[types.UID]*round{}}}
	o.TuneControllers = func(deps *controllers.Deps) {
		s.tune(deps)
		w.rounds.follow(deps)
	}
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
	if w.client, err = newClient(w.running.Config); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(time.Now().Add(pause).Truncate(time.Second))) // what counts in seconds counts from the same instant
	synctest.Wait()
	return w
}

// newClient returns a client that knows what is built in, and asks for what cases define.
func newClient(config *rest.Config) (client.Client, error) {
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	defined, err := apiutil.NewDynamicRESTMapper(config, http)
	if err != nil {
		return nil, err
	}
	all := meta.FirstHitRESTMapper{MultiRESTMapper: meta.MultiRESTMapper{clients.NewMapper(apis.All()), defined}}
	return client.New(config, client.Options{Scheme: apis.NewScheme(), Mapper: all, HTTPClient: http})
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
	if err := w.name(ctx, s.object); err != nil {
		return err
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

// name puts the UIDs of owners into their references that say "of" and, if it is another, the namespace.
func (w *world) name(ctx context.Context, object *unstructured.Unstructured) error {
	refs := object.GetOwnerReferences()
	for i, ref := range refs {
		namespace, is := strings.CutPrefix(string(ref.UID), "of")
		if !is {
			continue
		}
		owner := &unstructured.Unstructured{}
		owner.SetAPIVersion(ref.APIVersion)
		owner.SetKind(ref.Kind)
		key := client.ObjectKey{Namespace: cmp.Or(strings.TrimSpace(namespace), object.GetNamespace()), Name: ref.Name}
		if err := w.client.Get(ctx, key, owner); err != nil {
			return err
		}
		refs[i].UID = owner.GetUID()
	}
	if len(refs) > 0 {
		object.SetOwnerReferences(refs)
	}
	return nil
}
