package cluster

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/cluster/state"
)

var update = flag.Bool("update", false, "with the programs of upstream: write testdata/upstream/stored.json anew")

// peersFolder names the folder with upstream's etcd and kube-apiserver, for the tests that need them.
const peersFolder = "COXSWAIN_PEERS"

const fixture = "testdata/upstream/stored.json"

// stored is what upstream made of testdata/upstream/objects.yaml: the value in etcd, and the object as its API answered it.
type stored struct {
	Key    string          `json:"key"`
	Value  []byte          `json:"value"`
	Object json.RawMessage `json:"object"`
}

// A snapshot of upstream's etcd is restored, and every object is served in every version as upstream served it, with its
// resourceVersion.
func TestSnapshotOfUpstreamIsServedAsItWas(t *testing.T) {
	programs := os.Getenv(peersFolder)
	if programs == "" {
		t.Skip("needs upstream's programs: `make snapshot-compat` builds them and runs this test")
	}
	dir := t.TempDir()
	up := startUpstream(t, programs, dir)
	before := keysOf(t, up.etcd)
	createAll(t, up.config, filepath.Join("testdata", "upstream", "objects.yaml"))
	want := readEverything(t, up.config)
	snapshot := filepath.Join(dir, "snapshot.db")
	if err := etcd.SaveSnapshot(t.Context(), etcd.Remote{Endpoints: []string{up.etcd}}, snapshot); err != nil {
		t.Fatal(err)
	}
	values := valuesOf(t, up.etcd, before)
	up.stop()

	all := &state.Snapshots{DataDir: filepath.Join(dir, "coxswain"), NodeName: "n"}
	if _, err := all.Restore(t.Context(), snapshot, time.Unix(8, 0)); err != nil {
		t.Fatal(err)
	}
	o := alone(all.DataDir)
	running, _ := started(t, o)
	got := readEverything(t, running.Config)
	t.Logf("%d objects of %d keys", len(want), len(values)+len(before))
	compareObjects(t, want, got)
	if *update {
		writeFixture(t, values, want)
	}
}

// storedOtherwise are the kinds whose values upstream reads, but would write in another form.
var storedOtherwise = map[string]string{
	"CustomResourceDefinition":       "upstream writes v1beta1 in JSON",
	"APIService":                     "upstream writes JSON",
	"MutatingAdmissionPolicy":        "upstream writes v1beta1",
	"MutatingAdmissionPolicyBinding": "upstream writes v1beta1",
}

// What upstream has stored is read and stored again byte for byte.
func TestUpstreamsValuesAreEncodedAlike(t *testing.T) {
	scheme := apis.NewScheme()
	for _, s := range readFixture(t) {
		kind, err := codec.PeekKind(s.Value)
		if err != nil {
			t.Fatalf("%s: %v", s.Key, err)
		}
		if storedOtherwise[kind.Kind] != "" {
			continue
		}
		var into runtime.Object = &unstructured.Unstructured{}
		if scheme.Recognizes(kind) {
			if into, err = scheme.New(kind); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := codec.DecodeStored(s.Value, into); err != nil {
			t.Errorf("%s: %v", s.Key, err)
			continue
		}
		into.GetObjectKind().SetGroupVersionKind(kind)
		again, err := codec.EncodeStored(into)
		if err != nil || !bytes.Equal(again, s.Value) {
			t.Errorf("%s: %v\nupstream %q\nhere     %q", s.Key, err, s.Value, again)
		}
	}
}

// What upstream has stored is served as upstream served it.
func TestUpstreamsValuesAreServedAlike(t *testing.T) {
	all, o := readFixture(t), alone(t.TempDir())
	member, err := etcd.Embed(t.Context(), etcd.Config{Dir: filepath.Join(o.DataDir, "etcd"), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]json.RawMessage{}
	for _, s := range all {
		if _, err := member.Commit(t.Context(), storage.Op{Key: s.Key, Value: s.Value}); err != nil {
			t.Fatal(err)
		}
		want[nameOf(t, s.Object)] = s.Object
	}
	if err := member.Close(); err != nil {
		t.Fatal(err)
	}
	running, _ := started(t, o)
	got := readEverything(t, running.Config)
	for name, object := range got {
		if _, ok := want[name]; !ok {
			delete(got, name)
			continue
		}
		got[name] = withoutRevision(t, object)
		want[name] = withoutRevision(t, want[name])
	}
	compareObjects(t, want, got)
}

// createAll waits for kinds that are not served yet. A few objects get a status, so that there is one.
func createAll(t *testing.T, config *rest.Config, file string) {
	t.Helper()
	data, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	documents := yaml.NewYAMLOrJSONDecoder(data, 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := documents.Decode(object); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		eventually(t, "creating "+object.GetKind(), func() error { return client.IgnoreAlreadyExists(c.Create(t.Context(), object.DeepCopy())) })
		if status, ok := statuses[object.GetKind()]; ok {
			if err := c.Status().Patch(t.Context(), object, client.RawPatch("application/merge-patch+json", []byte(status))); err != nil {
				t.Fatalf("giving a status to %s: %v", object.GetKind(), err)
			}
		}
	}
}

var statuses = map[string]string{
	"Pod":        `{"status": {"phase": "Running", "podIP": "10.0.0.9", "podIPs": [{"ip": "10.0.0.9"}], "conditions": [{"type": "Ready", "status": "True"}]}}`,
	"Deployment": `{"status": {"replicas": 3, "observedGeneration": 1}}`,
	"Widget":     `{"status": {"turns": 7}}`,
}

// readEverything lists all resources in all versions, by name.
func readEverything(t *testing.T, config *rest.Config) map[string]json.RawMessage {
	t.Helper()
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	_, groups, err := d.ServerGroupsAndResources()
	if err != nil && len(groups) == 0 { // the group of the absent server is not discovered
		t.Fatal(err)
	}
	all := map[string]json.RawMessage{}
	for _, group := range groups {
		for _, r := range group.APIResources {
			if !slices.Contains(r.Verbs, "list") || r.Kind == "ComponentStatus" || strings.Contains(r.Name, "/") {
				continue
			}
			readList(t, d.RESTClient(), group.GroupVersion, r.Kind, r.Name, all)
		}
	}
	return all
}

func readList(t *testing.T, c rest.Interface, version, kind, name string, all map[string]json.RawMessage) {
	t.Helper()
	root := "/apis/"
	if version == "v1" {
		root = "/api/"
	}
	data, err := c.Get().AbsPath(root+version, name).DoRaw(t.Context())
	if err != nil {
		t.Fatalf("listing %s of %s: %v", name, version, err)
	}
	var list struct{ Items []map[string]any }
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for _, item := range list.Items {
		item["apiVersion"], item["kind"] = version, kind
		object, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		all[nameOf(t, object)] = object
	}
}

func nameOf(t *testing.T, object []byte) string {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(object, &u.Object); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %s %s/%s", u.GetAPIVersion(), u.GetKind(), u.GetNamespace(), u.GetName())
}

func withoutRevision(t *testing.T, object []byte) []byte {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(object, &u.Object); err != nil {
		t.Fatal(err)
	}
	u.SetResourceVersion("")
	out, err := json.Marshal(u.Object)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// changing says which objects every start of a server changes, ours or upstream's, by the beginning of their names.
var changing = []string{
	"v1 ConfigMap kube-system/extension-apiserver-authentication",                             // it holds the authorities of the server
	"v1 Endpoints default/kubernetes", "discovery.k8s.io/v1 EndpointSlice default/kubernetes", // where the server is
	"coordination.k8s.io/v1 Lease kube-system/apiserver-", // of upstream's servers
}

func compareObjects(t *testing.T, want, got map[string]json.RawMessage) {
	t.Helper()
	for name, object := range want {
		if slices.ContainsFunc(changing, func(c string) bool { return strings.HasPrefix(name, c) }) {
			continue
		}
		var w, g any
		if err := json.Unmarshal(object, &w); err != nil {
			t.Fatal(err)
		}
		if got[name] == nil {
			t.Errorf("%s is not there", name)
			continue
		}
		if err := json.Unmarshal(got[name], &g); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w, g); diff != "" {
			t.Errorf("%s: upstream -, here +:\n%s", name, diff)
		}
	}
}

func readFixture(t *testing.T) (all []stored) {
	t.Helper()
	data, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	for lines := json.NewDecoder(bytes.NewReader(data)); ; {
		var one stored
		if err := lines.Decode(&one); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
}
