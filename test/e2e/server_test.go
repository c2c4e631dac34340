package e2e

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func nonempty(text string) error {
	if text == "" {
		return errors.New("nothing")
	}
	return nil
}

// TestServer asks the server about itself.
func TestServer(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for path, want := range map[string]string{
		"/healthz": "ok", "/livez": "ok", "/readyz": "ok", "/healthz/etcd": "ok", "/readyz/etcd": "ok", "/livez/ping": "ok",
	} {
		u.same(path, u.sees("get", "--raw", path), want)
	}
	u.lines("readyz", u.sees("get", "--raw", "/readyz?verbose"), "[+]ping ok", "[+]etcd ok", "[+]informer-sync ok", "readyz check passed")
	u.lines("livez", u.sees("get", "--raw", "/livez?verbose&exclude=etcd"), "[+]ping ok", "[+]etcd excluded: ok", "livez check passed")
	u.lines("metrics", u.sees("get", "--raw", "/metrics"), "# TYPE apiserver_request_total counter", "# TYPE apiserver_request_duration_seconds histogram")
	u.says("paths", u.sees("get", "--raw", "/"), `"/apis/apps/v1"`, `"/healthz/etcd"`, `"/openapi/v3"`)
	u.says("no such page", u.fails(1, "get", "--raw", "/nope"), "Error from server (NotFound): the server could not find the requested resource")
	u.says("no such pod", u.fails(1, "get", "--raw", "/api/v1/namespaces/default/pods/nope"), `pods "nope" not found`)
	var version struct{ Major, Minor, GitVersion, EmulationMinor, MinCompatibilityMinor string }
	if err := json.Unmarshal([]byte(u.sees("get", "--raw", "/version")), &version); err != nil || version.Major != "1" || version.Minor != "36" ||
		!strings.HasPrefix(version.GitVersion, "v1.36.") || version.EmulationMinor != "36" || version.MinCompatibilityMinor != "35" {
		t.Errorf("the version is %+v, %v", version, err)
	}
	u.each(user.discovers)

	u.says("who am I", u.sees("auth", "whoami"), "Username ", "admin", "[system:masters system:authenticated]")
	u.same("can I", u.sees("auth", "can-i", "create", "deployments.apps"), "yes")
	u.same("can all", u.sees("auth", "can-i", "*", "*"), "yes")
	as := "--as=system:serviceaccount:" + u.name + ":default"
	u.same("can it", u.fails(1, "auth", "can-i", "list", "pods", as), "no")
	u.says("refused", u.fails(1, "get", "pods", as), `Error from server (Forbidden): pods is forbidden: User "system:serviceaccount:`+u.name+
		`:default" cannot list resource "pods" in API group "" in the namespace "`+u.name+`"`)
	u.sees("create", "rolebinding", "looks", "--clusterrole=view", "--serviceaccount="+u.name+":default")
	u.eventually("the right", func() error {
		_, err := u.try("get", "pods", as)
		return err
	})
	u.same("can it now", u.sees("auth", "can-i", "get", "pods/log", as), "yes")
	u.says("what can it do", u.sees("auth", "can-i", "--list", as), "pods/log", "[get list watch]", "selfsubjectaccessreviews.authorization.k8s.io")
	u.says("cluster-info", u.sees("cluster-info"), "is running at")
	u.says("completion", u.sees("completion", "bash"), "__start_kubectl")
}

// discovers reads what kinds there are and what their fields mean.
func (u user) discovers() {
	u.Helper()
	u.lines("api-versions", u.sees("api-versions"), "apps/v1", "batch/v1", "metrics.k8s.io/v1beta1", "v1")
	kinds := u.sees("api-resources", "--no-headers")
	for _, row := range []string{"pods po v1 true Pod", "nodes no v1 false Node", "deployments deploy apps/v1 true Deployment", "cronjobs cj batch/v1 true CronJob", "customresourcedefinitions crd,crds apiextensions.k8s.io/v1 false CustomResourceDefinition"} {
		if !strings.Contains(strings.Join(strings.Fields(kinds), " "), row) {
			u.Errorf("api-resources has no row %q:\n%s", row, kinds)
		}
	}
	u.lines("api-resources -o name", u.sees("api-resources", "--namespaced=false", "--verbs=list", "-o", "name"), "nodes", "clusterroles.rbac.authorization.k8s.io")
	u.says("explain", u.sees("explain", "pods.spec.containers"), "KIND:       Pod\nVERSION:    v1\n\nFIELD: containers <[]Container>\n", "List of containers belonging to the pod.", "  image\t<string>\n", "-required-")
	u.lines("explain --recursive", u.sees("explain", "deployment", "--recursive"), "GROUP:      apps", "  spec\t<DeploymentSpec>", "    strategy\t<DeploymentStrategy>", "        maxSurge\t<IntOrString>")
	u.says("explain an enumeration", u.sees("explain", "service.spec.type"), "FIELD: type <string>\nENUM:\n    ClusterIP\n    ExternalName\n    LoadBalancer\n    NodePort\n")
	u.says("no such field", u.fails(1, "explain", "pods.nope"), `error: field "nope" does not exist`)
	u.says("version", u.sees("version"), "Server Version: v1.36.")
}
