package rbac

import (
	"context"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
)

func rule(verbs, groups, resources string, names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{
		Verbs: strings.Split(verbs, ","), APIGroups: strings.Split(groups, ","), Resources: strings.Split(resources, ","), ResourceNames: names,
	}
}

var foo = &user.DefaultInfo{
	Name: "system:serviceaccount:default:foo", Groups: []string{"system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"},
}

func world() *authtest.Lister {
	named := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "default", Name: name} }
	return authtest.New().
		Add("clusterroles.rbac.authorization.k8s.io",
			&rbacv1.ClusterRole{ObjectMeta: named("system:discovery"), Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"/api", "/api/*"}}}},
			&rbacv1.ClusterRole{ObjectMeta: named("view"), Rules: []rbacv1.PolicyRule{rule("get,list", "", "pods,pods/log"), rule("get", "*", "*/scale")}},
			&rbacv1.ClusterRole{ObjectMeta: named("cluster-admin"), Rules: []rbacv1.PolicyRule{rule("*", "*", "*"), {Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}}}).
		Add("clusterrolebindings.rbac.authorization.k8s.io",
			&rbacv1.ClusterRoleBinding{ObjectMeta: named("system:discovery"), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "system:discovery"},
				Subjects: []rbacv1.Subject{{Kind: "Group", Name: "system:authenticated"}}}).
		Add("roles.rbac.authorization.k8s.io",
			&rbacv1.Role{ObjectMeta: in("one"), Rules: []rbacv1.PolicyRule{rule("get", "", "secrets", "mine")}}).
		Add("rolebindings.rbac.authorization.k8s.io",
			&rbacv1.RoleBinding{ObjectMeta: in("good"), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "view"},
				Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "foo"}}},
			&rbacv1.RoleBinding{ObjectMeta: in("one"), RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "one"},
				Subjects: []rbacv1.Subject{{Kind: "User", Name: foo.Name}}})
}

func TestAuthorize(t *testing.T) {
	authz := New(world())
	for _, c := range []struct {
		verb, group, resource, sub, namespace, name string
		allowed                                     bool
		reason                                      string
	}{
		{"get", "", "pods", "", "default", "a", true, `RBAC: allowed by RoleBinding "good/default" of ClusterRole "view" to ServiceAccount "foo/default"`},
		{"get", "", "pods", "log", "default", "a", true, `RBAC: allowed by RoleBinding "good/default" of ClusterRole "view" to ServiceAccount "foo/default"`},
		{"get", "", "pods", "exec", "default", "a", false, ""},
		{"get", "", "pods", "", "other", "a", false, ""},
		{"get", "", "pods", "", "", "a", false, ""},
		{"get", "apps", "deployments", "scale", "default", "a", true, `RBAC: allowed by RoleBinding "good/default" of ClusterRole "view" to ServiceAccount "foo/default"`},
		{"get", "apps", "deployments", "", "default", "a", false, ""},
		{"get", "", "secrets", "", "default", "mine", true, `RBAC: allowed by RoleBinding "one/default" of Role "one" to User "system:serviceaccount:default:foo"`},
		{"get", "", "secrets", "", "default", "other", false, ""},
		{"list", "", "secrets", "", "default", "", false, ""},
	} {
		decision, reason, err := authz.Authorize(context.Background(), authorizer.AttributesRecord{
			User: foo, Verb: c.verb, APIGroup: c.group, Resource: c.resource, Subresource: c.sub, Namespace: c.namespace, Name: c.name, ResourceRequest: true,
		})
		if err != nil || (decision == authorizer.DecisionAllow) != c.allowed || reason != c.reason {
			t.Errorf("%+v: %v %q %v", c, decision, reason, err)
		}
	}
	for path, want := range map[string]bool{"/api": true, "/api/v1": true, "/apis": false} {
		decision, _, _ := authz.Authorize(context.Background(), authorizer.AttributesRecord{User: foo, Verb: "get", Path: path})
		if (decision == authorizer.DecisionAllow) != want {
			t.Errorf("%s: %v", path, decision)
		}
	}
}

func TestBindingsAreSeenAtOnce(t *testing.T) {
	lister := world()
	authz := New(lister)
	ask := authorizer.AttributesRecord{User: &user.DefaultInfo{Name: "bob"}, Verb: "delete", Resource: "nodes", Name: "n", ResourceRequest: true}
	if decision, _, _ := authz.Authorize(context.Background(), ask); decision != authorizer.DecisionNoOpinion {
		t.Fatal("bob may delete nodes before he is bound")
	}
	lister.Add("clusterrolebindings.rbac.authorization.k8s.io", &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "bob"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{Kind: "User", Name: "bob"}},
	})
	if decision, _, _ := authz.Authorize(context.Background(), ask); decision != authorizer.DecisionAllow {
		t.Error("bob may not delete nodes after he was bound")
	}
	lister.Remove("clusterrolebindings.rbac.authorization.k8s.io", "", "bob")
	if decision, _, _ := authz.Authorize(context.Background(), ask); decision != authorizer.DecisionNoOpinion {
		t.Error("bob may delete nodes after he was unbound")
	}
}

func TestMissingRolesAreNamed(t *testing.T) {
	lister := world()
	lister.Remove("clusterroles.rbac.authorization.k8s.io", "", "view")
	lister.Remove("roles.rbac.authorization.k8s.io", "default", "one")
	_, reason, _ := New(lister).Authorize(context.Background(), authorizer.AttributesRecord{
		User: foo, Verb: "get", Resource: "pods", Namespace: "default", ResourceRequest: true,
	})
	if want := `RBAC: [clusterrole.rbac.authorization.k8s.io "view" not found, role.rbac.authorization.k8s.io "one" not found]`; reason != want {
		t.Errorf("got %s, want %s", reason, want)
	}
}

func TestEscalation(t *testing.T) {
	authz := New(world())
	guard := &Escalation{RBAC: authz, Authorizer: authz}
	who := `user "system:serviceaccount:default:foo" (groups=["system:serviceaccounts" "system:serviceaccounts:default" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:`
	meta := metav1.ObjectMeta{Namespace: "default", Name: "r1"}
	ref := func(name string) rbacv1.RoleRef { return rbacv1.RoleRef{Kind: "ClusterRole", Name: name} }
	for name, c := range map[string]struct {
		resource string
		obj, old runtime.Object
		want     string
	}{
		"held": {"roles", &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule("list", "", "pods")}}, nil, ""},
		"not held": {"roles", &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			rule("get,delete", "", "pods,secrets"), rule("create", "apps", "deployments", "a", "b"),
		}}, nil, `roles.rbac.authorization.k8s.io "r1" is forbidden: ` + who + `
{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}
{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete"]}
{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["a"], Verbs:["create"]}
{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["b"], Verbs:["create"]}`},
		"unchanged": {"roles", &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule("*", "*", "*")}},
			&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule("*", "*", "*")}}, ""},
		"aggregation": {"clusterroles", &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "r1"}, AggregationRule: &rbacv1.AggregationRule{
			ClusterRoleSelectors: []metav1.LabelSelector{{}},
		}}, nil, `clusterroles.rbac.authorization.k8s.io "r1" is forbidden: must have cluster-admin privileges to use the aggregationRule`},
		"binding held":   {"rolebindings", &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref("view")}, nil, ""},
		"binding absent": {"rolebindings", &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref("nono")}, nil, `rolebindings.rbac.authorization.k8s.io "nono" not found`},
		"binding not held": {"rolebindings", &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref("cluster-admin")}, nil,
			`rolebindings.rbac.authorization.k8s.io "r1" is forbidden: ` + who + `
{APIGroups:["*"], Resources:["*"], Verbs:["*"]}
{NonResourceURLs:["*"], Verbs:["*"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			a := &admission.Attributes{
				Operation: admission.Create, Resource: &resource.Resource{Group: rbacv1.GroupName, Name: c.resource}, Namespace: "default",
				Object: c.obj, Old: c.old, User: foo,
			}
			if c.old != nil {
				a.Operation = admission.Update
			}
			got := ""
			if err := guard.Validate(context.Background(), a); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			a.User = &user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}}
			if err := guard.Validate(context.Background(), a); err != nil {
				t.Errorf("system:masters: %v", err)
			}
		})
	}
}
