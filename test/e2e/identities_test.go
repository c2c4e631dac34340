package e2e

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestIdentities: what the parts of the cluster may do, and what not. TestMain looks for what was denied to them while
// all the other tests kept them busy.
func TestIdentities(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	var questions strings.Builder
	var want []string
	// A line is an account of kube-system (or a user), a verb, a group (- for core), a resource and yes or no.
	for line := range strings.Lines(`deployment-controller create apps replicasets yes
deployment-controller create - pods no
deployment-controller get - secrets no
replicaset-controller create - pods yes
replicaset-controller update apps deployments no
statefulset-controller create - persistentvolumeclaims yes
statefulset-controller create batch jobs no
generic-garbage-collector delete apps deployments yes
generic-garbage-collector create - pods no
root-ca-cert-publisher create - configmaps yes
root-ca-cert-publisher get - configmaps no
node-controller delete - pods yes
node-controller create - pods no
service-account-controller create - serviceaccounts yes
service-account-controller create - serviceaccounts/token no
certificate-controller create authorization.k8s.io subjectaccessreviews yes
certificate-controller get - secrets no
clusterrole-aggregation-controller escalate rbac.authorization.k8s.io clusterroles yes
clusterrole-aggregation-controller escalate rbac.authorization.k8s.io roles no
system:kube-controller-manager watch - secrets yes
system:kube-controller-manager delete - pods no
system:kube-scheduler create - pods/binding yes
system:kube-scheduler get - secrets no
coxswain:quota-admission update - resourcequotas/status yes
coxswain:quota-admission update - resourcequotas no
coxswain:dns create - services no
`) {
		word := strings.Fields(line)
		user, groups := word[0], "[system:authenticated]"
		if !strings.Contains(user, ":") {
			user, groups = "system:serviceaccount:kube-system:"+user, "[system:serviceaccounts, system:serviceaccounts:kube-system, system:authenticated]"
		}
		resource, sub, _ := strings.Cut(word[3], "/")
		fmt.Fprintf(&questions, `---
{apiVersion: authorization.k8s.io/v1, kind: SubjectAccessReview, spec: {user: %q, groups: %s, resourceAttributes: {namespace: default, verb: %s, group: %q, resource: %s, subresource: %q}}}
`, user, groups, word[1], strings.TrimPrefix(word[2], "-"), resource, sub)
		want = append(want, strings.TrimSpace(line))
	}
	answers := s.must(s.cluster.KubectlInput(t.Context(), questions.String(), "create", "-f", "-", "-o", `jsonpath={.status.allowed}{"\n"}`))
	for i, answer := range strings.Fields(answers) {
		if strings.HasSuffix(want[i], " yes") != (answer == "true") {
			t.Errorf("%s: allowed is %s", want[i], answer)
		}
	}
	if got := len(strings.Fields(answers)); got != len(want) {
		t.Errorf("%d answers to %d questions: %s", got, len(want), answers)
	}
}

// TestControllersActAsThemselves: without its binding, a controller can do nothing; with it again, it does what it has missed.
func TestControllersActAsThemselves(t *testing.T) {
	s := newSpace(t)
	const account = "clusterrole-aggregation-controller"
	binding := "system:controller:" + account
	saved := s.kubectl("get", "clusterrolebinding", binding, "-o", "json")
	s.kubectl("delete", "clusterrolebinding", binding)
	bind := func() { s.must(s.cluster.KubectlInput(t.Context(), saved, "replace", "--force", "-f", "-")) }
	defer bind()
	s.kubectl("create", "clusterrole", s.name, "--verb=get", "--resource=flowschemas.flowcontrol.apiserver.k8s.io")
	defer s.kubectl("delete", "clusterrole", s.name)
	s.kubectl("label", "clusterrole", s.name, "rbac.authorization.k8s.io/aggregate-to-view=true")
	s.eventually("the refusal in the log", func() error {
		if !strings.Contains(s.cluster.Log(), `system:serviceaccount:kube-system:`+account+`\" cannot update resource \"clusterroles\"`) {
			return errors.New("no refusal")
		}
		return nil
	})
	if out := s.kubectl("get", "clusterrole", "view", "-o", "yaml"); strings.Contains(out, "flowschemas") {
		t.Error("the role was aggregated without a right to do so")
	}
	bind()
	s.eventually("the aggregated role", func() error {
		if out := s.kubectl("get", "clusterrole", "view", "-o", "yaml"); !strings.Contains(out, "flowschemas") {
			return errors.New("not aggregated")
		}
		return nil
	})
}

// denied is how RBAC refuses.
var denied = regexp.MustCompile(`User \\*"([^"\\]+)\\*" cannot [a-z]+ (resource|path)`)

// denials are the lines of a server's log by which one of its parts was denied something, but for what
// TestControllersActAsThemselves takes away.
func denials(log string) []string {
	var lines []string
	for line := range strings.Lines(log) {
		if match := denied.FindStringSubmatch(line); match != nil && !strings.HasSuffix(match[1], ":clusterrole-aggregation-controller") {
			lines = append(lines, line)
		}
	}
	return lines
}
