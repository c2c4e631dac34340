package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const settings = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {a: b, c: d}}
data: {color: red, size: big}
`

// write puts a manifest into a file.
func (u user) write(content string) string {
	u.Helper()
	name := filepath.Join(u.TempDir(), "manifest.yaml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		u.Fatal(err)
	}
	return name
}

// TestChanging changes objects in all the ways there are.
func TestChanging(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.each(user.applies)
	u.managesFields()
	u.appliesMany()
	u.editsObjects()
	u.patches()
	u.replaces()
	u.marks()
}

func (u user) applies() {
	u.Helper()
	first := u.write(settings)
	second := u.write(strings.NewReplacer(", size: big", "", ", c: d", "", "red", "blue").Replace(settings))
	u.same("apply", u.sees("apply", "-f", first), "configmap/settings created")
	diff := u.fails(1, "diff", "-f", second)
	u.says("diff", diff, "-  color: red\n", "+  color: blue\n", "-  size: big\n", "-    c: d\n", " kind: ConfigMap\n")
	u.same("apply of a change", u.sees("apply", "-f", second), "configmap/settings configured")
	u.same("apply of the same", u.sees("apply", "-f", second), "configmap/settings unchanged")
	u.same("diff of the same", u.fails(0, "diff", "-f", second), "")
	u.same("what was removed from the file", u.get("configmap/settings", ".data")+u.get("configmap/settings", ".metadata.labels"), `{"color":"blue"}{"a":"b"}`)
	u.says("a field that is not there", u.fails(1, "apply", "-f", u.write(strings.Replace(settings, "\ndata:", "\ndato:", 1))), `strict decoding error: unknown field "dato"`)
	u.says("dry run", u.sees("apply", "--dry-run=server", "-f", first), "configmap/settings configured (server dry run)")
	u.same("after the dry run", u.get("configmap/settings", ".data.color"), "blue")
	u.same("delete", strings.TrimSuffix(strings.TrimSpace(u.sees("delete", "-f", first)), " from "+u.name+" namespace"), `configmap "settings" deleted`)
	u.says("delete again", u.fails(1, "delete", "-f", first), `Error from server (NotFound): error when deleting "`+first+`": configmaps "settings" not found`)
}

// managesFields applies on the server's side, as two managers.
func (u user) managesFields() {
	u.Helper()
	mine, theirs := u.write(settings), u.write(strings.NewReplacer("red", "green", "size: big", "shape: round", ", labels: {a: b, c: d}", "").Replace(settings))
	u.same("apply", u.sees("apply", "--server-side", "-f", mine), "configmap/settings serverside-applied")
	u.says("a conflict", u.fails(1, "apply", "--server-side", "--field-manager=other", "-f", theirs),
		`error: Apply failed with 1 conflict: conflict with "kubectl": .data.color`, "`--force-conflicts` flag")
	u.same("apply by force", u.sees("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", theirs), "configmap/settings serverside-applied")
	u.same("all fields", u.get("configmap/settings", ".data"), `{"color":"green","shape":"round","size":"big"}`)
	u.same("the managers", u.get("configmap/settings", `.metadata.managedFields[*]['manager','operation']`), "kubectl other Apply Apply")
	u.same("the fields of the first", u.get("configmap/settings", `.metadata.managedFields[?(@.manager=="kubectl")].fieldsV1`), `{"f:data":{"f:size":{}},"f:metadata":{"f:labels":{"f:a":{},"f:c":{}}}}`)
	u.same("the fields of the other", u.get("configmap/settings", `.metadata.managedFields[?(@.manager=="other")].fieldsV1`), `{"f:data":{"f:color":{},"f:shape":{}}}`)
	without := u.write("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {color: green}\n")
	u.sees("apply", "--server-side", "--field-manager=other", "-f", without)
	u.same("after the other gave a field up", u.get("configmap/settings", ".data"), `{"color":"green","size":"big"}`)
	u.says("a conflict with an update", u.sees("patch", "configmap", "settings", "-p", `{"data":{"size":"small"}}`), "patched")
	u.says("a conflict with an update", u.fails(1, "apply", "--server-side", "--field-manager=third", "-f", u.write("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {size: x}\n")),
		`conflict with "kubectl-patch" using v1: .data.size`)
	u.lines("managed fields are shown on demand", u.sees("get", "configmap", "settings", "-o", "yaml", "--show-managed-fields"), "  managedFields:", "    manager: other")
	if out := u.sees("get", "configmap", "settings", "-o", "yaml"); strings.Contains(out, "managedFields") {
		u.Errorf("managed fields are shown unasked:\n%s", out)
	}
}

// appliesMany applies a folder with pruning and a kustomization.
func (u user) appliesMany() {
	u.Helper()
	dir := u.TempDir()
	for name, content := range map[string]string{
		"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: many-a, labels: {set: many}}\n",
		"b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: many-b, labels: {set: many}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: many-s, labels: {set: many}}\nstringData: {k: v}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			u.Fatal(err)
		}
	}
	u.lines("apply of a folder", u.sees("apply", "-f", dir), "configmap/many-a created", "configmap/many-b created", "secret/many-s created")
	if err := os.Remove(filepath.Join(dir, "b.yaml")); err != nil {
		u.Fatal(err)
	}
	u.lines("apply with pruning", u.sees("apply", "-f", dir, "--prune", "-l", "set=many", "--prune-allowlist=core/v1/ConfigMap"), "configmap/many-a unchanged", "configmap/many-b pruned")
	u.same("what stayed", u.sees("get", "configmap,secret", "-l", "set=many", "-o", "name"), "configmap/many-a\nsecret/many-s")
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte("namePrefix: our-\nresources: [a.yaml]\n"), 0o600); err != nil {
		u.Fatal(err)
	}
	u.same("apply of a kustomization", u.sees("apply", "-k", dir), "configmap/our-many-a created")
}

func (u user) editsObjects() {
	u.Helper()
	u.editor = "sed -i s/green/edited/"
	u.same("edit", u.sees("edit", "configmap", "settings"), "configmap/settings edited")
	u.same("what was edited", u.get("configmap/settings", ".data.color"), "edited")
	u.same("edit of nothing", u.fails(0, "edit", "configmap", "settings"), "Edit cancelled, no changes made.")
	u.editor = "sed -i s/^data:/dato:/"
	u.says("a wrong edit", u.fails(1, "edit", "configmap", "settings"), "A copy of your changes has been stored to ")
}

func (u user) patches() {
	u.Helper()
	u.manifestOf("deployment", "patched")
	u.same("a strategic patch", u.sees("patch", "deployment", "patched", "-p", `{"spec":{"template":{"spec":{"containers":[{"name":"extra","image":"y"}]}}}}`), "deployment.apps/patched patched")
	u.same("two containers", u.get("deployment/patched", ".spec.template.spec.containers[*].name"), "extra x")
	u.same("the same patch", u.sees("patch", "deployment", "patched", "-p", `{"spec":{"template":{"spec":{"containers":[{"name":"extra","image":"y"}]}}}}`), "deployment.apps/patched patched (no change)")
	u.sees("patch", "deployment", "patched", "--type=merge", "-p", `{"spec":{"template":{"spec":{"containers":[{"name":"only","image":"z"}]}}}}`)
	u.same("one container", u.get("deployment/patched", ".spec.template.spec.containers[*].name"), "only")
	u.sees("patch", "deployment", "patched", "--type=json", "-p", `[{"op":"test","path":"/spec/paused","value":true},{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"w"}]`)
	u.same("its image", u.get("deployment/patched", ".spec.template.spec.containers[*].image"), "w")
	u.says("a JSON patch whose test fails", u.fails(1, "patch", "deployment", "patched", "--type=json", "-p", `[{"op":"test","path":"/spec/paused","value":false}]`), "The request is invalid: the server rejected our request due to an error in our request")
	u.says("a patch that makes no sense", u.fails(1, "patch", "deployment", "patched", "-p", `{"spec":{"replicas":-1}}`), `The Deployment "patched" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0`)
	u.same("a subresource", u.sees("patch", "deployment", "patched", "--subresource=scale", "--type=merge", "-p", `{"spec":{"replicas":2}}`), "scale.autoscaling/patched patched")
	u.same("its replicas", u.get("deployment/patched", ".spec.replicas"), "2")
}

// manifestOf creates an object that asks for nothing to run.
func (u user) manifestOf(kind, name string) {
	u.Helper()
	u.sees("create", kind, name, "--image=x", "--replicas=0")
	u.sees("patch", kind, name, "-p", `{"spec":{"paused":true}}`)
}

func (u user) replaces() {
	u.Helper()
	u.same("replace", u.answers(settings, "replace", "-f", "-"), "configmap/settings replaced")
	u.same("what was replaced", u.get("configmap/settings", ".data.color"), "red")
	old := strings.Replace(settings, "metadata: {", `metadata: {resourceVersion: "1", `, 1)
	got := u.do(old, "replace", "-f", "-")
	u.says("replace of an old version", got.err, `Error from server (Conflict): error when replacing "STDIN": Operation cannot be fulfilled on configmaps "settings": the object has been modified; please apply your changes to the latest version and try again`)
	before := u.get("configmap/settings", ".metadata.uid")
	u.says("replace by force", u.answers(settings, "replace", "--force", "-f", "-"), "configmap/settings replaced")
	if u.get("configmap/settings", ".metadata.uid") == before {
		u.Error("replace --force kept the object")
	}
}

// marks labels, annotates, sets, scales and waits.
func (u user) marks() {
	u.Helper()
	for command, want := range map[string][]string{
		"label configmap settings x=y":                                   {"configmap/settings labeled"},
		"annotate configmap settings note=1":                             {"configmap/settings annotated"},
		"set image deployment/patched only=v2":                           {"deployment.apps/patched image updated"},
		"set env deployment/patched WORD=x":                              {"deployment.apps/patched env updated"},
		"set resources deployment/patched --limits=cpu=200m,memory=64Mi": {"deployment.apps/patched resource requirements updated"},
		"set serviceaccount deployment/patched default":                  {"deployment.apps/patched serviceaccount updated"},
		"autoscale deployment patched --min=1 --max=3":                   {"horizontalpodautoscaler.autoscaling/patched autoscaled"},
		"scale deployment patched --replicas=0":                          {"deployment.apps/patched scaled"},
	} {
		u.lines(command, u.sees(strings.Fields(command)...), want...)
	}
	u.says("label again", u.fails(1, "label", "configmap", "settings", "x=z"), "error: 'x' already has a value (y), and --overwrite is false")
	u.same("overwrite", u.sees("label", "configmap", "settings", "x=z", "--overwrite"), "configmap/settings labeled")
	u.same("unlabel", u.sees("label", "configmap", "settings", "x-"), "configmap/settings unlabeled")
	u.says("a wrong label", u.fails(1, "label", "configmap", "settings", "x=-"), "a valid label must be an empty string or consist of alphanumeric characters")
	u.same("the variable", u.sees("set", "env", "deployment/patched", "--list"), "# Deployment patched, container only\nWORD=x")
	u.same("the limits", u.get("deployment/patched", ".spec.template.spec.containers[0].resources.limits"), `{"cpu":"200m","memory":"64Mi"}`)
	u.heads(u.sees("get", "hpa"), "NAME|REFERENCE|TARGETS|MINPODS|MAXPODS|REPLICAS|AGE")
	u.same("resume", u.sees("rollout", "resume", "deployment/patched"), "deployment.apps/patched resumed")
	u.same("wait for a condition", u.sees("wait", "--for=condition=Available", "deployment/patched", "--timeout=120s"), "deployment.apps/patched condition met")
	u.same("wait for a value", u.sees("wait", "--for=jsonpath={.status.observedGeneration}="+u.get("deployment/patched", ".metadata.generation"), "deployment/patched", "--timeout=120s"), "deployment.apps/patched condition met")
	u.says("wait in vain", u.fails(1, "wait", "--for=condition=Nope", "deployment/patched", "--timeout=1s"), "error: timed out waiting for the condition on deployments/patched")
	waits := u.starts("wait", "--for=delete", "configmap/settings", "--timeout=120s")
	u.sees("delete", "configmap", "settings")
	if out, err := waits.finishes(); err != nil {
		u.Errorf("wait for a deletion: %s, %v", out, err)
	}
	created := u.starts("wait", "--for=create", "configmap/later", "--timeout=120s")
	u.sees("create", "configmap", "later")
	created.says("configmap/later condition met")
	u.eventually("the revisions", func() error {
		out, err := u.try("rollout", "history", "deployment/patched")
		if err == nil && !strings.Contains(out, "REVISION  CHANGE-CAUSE\n1         <none>\n2         <none>\n") {
			err = fmt.Errorf("%s", out)
		}
		return err
	})
}
