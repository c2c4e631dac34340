package bootstrap

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	rbacvalidation "k8s.io/component-helpers/auth/rbac/validation"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func TestObjectsAreComplete(t *testing.T) {
	objects, err := Objects()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, obj := range objects {
		id := obj.GetObjectKind().GroupVersionKind().Kind + " " + obj.GetNamespace() + "/" + obj.GetName()
		if obj.GetObjectKind().GroupVersionKind().Kind == "" || obj.GetName() == "" || seen[id] {
			t.Errorf("%s has no kind, no name or a namesake", id)
		}
		seen[id] = true
	}
	for _, want := range []string{
		"ClusterRole /cluster-admin", "ClusterRoleBinding /system:node", "Role kube-system/extension-apiserver-authentication-reader",
		"RoleBinding kube-system/system::extension-apiserver-authentication-reader", "Namespace /kube-node-lease",
		"PriorityClass /system-node-critical", "FlowSchema /catch-all", "PriorityLevelConfiguration /exempt",
	} {
		if !seen[want] {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestAdminHoldsWhatEditAndViewHold(t *testing.T) {
	policy := mustPolicy(t)
	rules := map[string][]rbacv1.PolicyRule{}
	for _, role := range policy.ClusterRoles {
		rules[role.Name] = role.Rules
	}
	for _, pair := range [][2]string{{"cluster-admin", "admin"}, {"admin", "edit"}, {"edit", "view"}, {"view", "system:aggregate-to-view"}} {
		if ok, missing := rbacvalidation.Covers(rules[pair[0]], rules[pair[1]]); !ok {
			t.Errorf("%s lacks of %s: %v", pair[0], pair[1], missing)
		}
	}
	if ok, _ := rbacvalidation.Covers(rules["view"], []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}}}); ok {
		t.Error("view reads secrets")
	}
}

// CVE-2021-25740: whoever may edit a namespace may not lead its services where they like.
func TestEditorsWriteNoEndpoints(t *testing.T) {
	for _, role := range mustPolicy(t).ClusterRoles {
		if role.Name != "edit" && role.Name != "admin" && role.Name != "system:aggregate-to-edit" && role.Name != "system:aggregate-to-admin" {
			continue
		}
		for _, verb := range []string{"create", "update", "patch", "delete"} {
			for group, name := range map[string]string{"": "endpoints", "discovery.k8s.io": "endpointslices"} {
				asked := rbacv1.PolicyRule{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{name}}
				if covered, _ := rbacvalidation.Covers(role.Rules, []rbacv1.PolicyRule{asked}); covered {
					t.Errorf("%s may %s %s", role.Name, verb, name)
				}
			}
		}
	}
}

func TestReconcileAddsWhatIsMissingAndKeepsTheRest(t *testing.T) {
	wanted := find(t, mustPolicy(t), "system:basic-user")
	stored := wanted.DeepCopy()
	Stamp(stored, time.Unix(1, 0))
	if changed, replace := Reconcile(stored, wanted); changed != nil || replace {
		t.Fatalf("nothing is missing, changed %v", changed)
	}
	stored.Rules = append(stored.Rules[1:], rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{"x"}, Resources: []string{"y"}})
	changed, _ := Reconcile(stored, wanted)
	role, ok := changed.(*rbacv1.ClusterRole)
	if !ok {
		t.Fatal("a missing rule was not added")
	}
	if ok, missing := rbacvalidation.Covers(role.Rules, append(wanted.Rules, stored.Rules...)); !ok || role.UID != stored.UID {
		t.Errorf("missing %v", missing)
	}
	stored.Annotations[rbacv1.AutoUpdateAnnotationKey] = "false"
	if changed, _ := Reconcile(stored, wanted); changed != nil {
		t.Error("a role that must not be updated was")
	}
}

// TestUpstream compares with what `kubectl get … -o json` of an upstream cluster that has just been started
// says: clusterroles.json, clusterrolebindings.json, roles.json, rolebindings.json and flow.json in the
// folder that BOOTSTRAP_UPSTREAM names. It is run by hand.
func TestUpstream(t *testing.T) {
	dir := os.Getenv("BOOTSTRAP_UPSTREAM")
	if dir == "" {
		t.Skip("BOOTSTRAP_UPSTREAM is not set")
	}
	policy := mustPolicy(t)
	ignore := cmp.Options{
		cmpopts.IgnoreFields(metav1.ObjectMeta{}, "UID", "CreationTimestamp", "ResourceVersion", "ManagedFields", "Generation"),
		cmpopts.IgnoreFields(metav1.TypeMeta{}, "Kind", "APIVersion"),
		cmpopts.IgnoreTypes(metav1.Time{}),
	}
	compare(t, ignore, policy.ClusterRoles, load[*rbacv1.ClusterRole](t, dir, "clusterroles.json"), func(r *rbacv1.ClusterRole) {
		if r.AggregationRule != nil {
			r.Rules = nil // filled in by a controller that is not running there
		}
	})
	compare(t, ignore, policy.ClusterRoleBindings, load[*rbacv1.ClusterRoleBinding](t, dir, "clusterrolebindings.json"), nil)
	compare(t, ignore, policy.Roles, load[*rbacv1.Role](t, dir, "roles.json"), nil)
	compare(t, ignore, policy.RoleBindings, load[*rbacv1.RoleBinding](t, dir, "rolebindings.json"), nil)
	var schemas []*flowcontrolv1.FlowSchema
	for _, obj := range flowSchemas() {
		schemas = append(schemas, obj.(*flowcontrolv1.FlowSchema))
	}
	compare(t, ignore, schemas, load[*flowcontrolv1.FlowSchema](t, dir, "flowschemas.json"), nil)
	var levels []*flowcontrolv1.PriorityLevelConfiguration
	for _, obj := range priorityLevels() {
		levels = append(levels, obj.(*flowcontrolv1.PriorityLevelConfiguration))
	}
	compare(t, ignore, levels, load[*flowcontrolv1.PriorityLevelConfiguration](t, dir, "prioritylevelconfigurations.json"), nil)
}

func compare[T resource.Object](t *testing.T, ignore cmp.Options, ours, theirs []T, prepare func(T)) {
	t.Helper()
	index := map[string]T{}
	ours = slices.DeleteFunc(slices.Clone(ours), func(obj T) bool { return strings.HasPrefix(obj.GetName(), "coxswain:") })
	for _, obj := range ours {
		if prepare != nil {
			prepare(obj)
		}
		index[obj.GetNamespace()+"/"+obj.GetName()] = obj
	}
	for _, want := range theirs {
		if diff := cmp.Diff(want, index[want.GetNamespace()+"/"+want.GetName()], ignore); diff != "" {
			t.Errorf("%s (-upstream +ours):\n%s", want.GetName(), diff)
		}
	}
	if len(ours) != len(theirs) {
		t.Errorf("%d %T, upstream has %d", len(ours), *new(T), len(theirs))
	}
}

func load[T any](t *testing.T, dir, file string) []T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Items []T }
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func mustPolicy(t *testing.T) *Policy {
	t.Helper()
	policy, err := NewPolicy()
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func find(t *testing.T, policy *Policy, name string) *rbacv1.ClusterRole {
	t.Helper()
	for _, role := range policy.ClusterRoles {
		if role.Name == name {
			return role
		}
	}
	t.Fatalf("no role %s", name)
	return nil
}

func TestNothingToDoAtTheSecondStart(t *testing.T) {
	objects, err := Objects()
	if err != nil {
		t.Fatal(err)
	}
	for _, obj := range objects {
		Stamp(obj, time.Unix(1, 0))
		data, err := obj.(interface{ Marshal() ([]byte, error) }).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		stored := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(resource.Object)
		if err := stored.(interface{ Unmarshal([]byte) error }).Unmarshal(data); err != nil {
			t.Fatal(err)
		}
		if changed, replace := Reconcile(stored, obj); changed != nil || replace {
			t.Errorf("%T %s would be written again: %s", obj, obj.GetName(), cmp.Diff(stored, changed))
		}
	}
}
