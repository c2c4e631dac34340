package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestConfiguration shows one pod everything that a pod can be told, and then changes it.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.manifest("configuration")
	s.up("reader")
	environment(s)
	files(s)
	changes(s)
	s.says("changing an immutable ConfigMap", s.refused("patch", "configmap", "fixed", "-p", `{"data":{"a":"2"}}`),
		"data: Forbidden: field is immutable when `immutable` is set")
}

func environment(s *space) {
	s.Helper()
	ip := s.get("service/some-service", ".spec.clusterIP")
	s.lines("the environment", s.sh("reader/main", "env"),
		"CFG_color=blue", "CFG_shape=round", "password=s3cret", "user=overridden", "COLOR=blue", "WORD=s3cret",
		"GREETING=hello s3cret, $(WORD) and $(UNKNOWN)",
		"POD_NAME=reader", "POD_NAMESPACE="+s.name, "POD_UID="+s.get("pod/reader", ".metadata.uid"),
		"POD_IP="+s.get("pod/reader", ".status.podIP"), "HOST_IP="+s.cluster.Machine.IP, "NODE="+s.cluster.Machine.Name,
		"ACCOUNT=default", "LABEL=1", "NOTE=first",
		"CPU_LIMIT=500", "CPU_REQUEST=1", "MEMORY_LIMIT=64", "MEMORY_REQUEST=33554432",
		"SOME_SERVICE_SERVICE_HOST="+ip, "SOME_SERVICE_SERVICE_PORT=8080", "SOME_SERVICE_SERVICE_PORT_WEB=8080",
		"SOME_SERVICE_PORT=tcp://"+ip+":8080", "SOME_SERVICE_PORT_8080_TCP=tcp://"+ip+":8080", "SOME_SERVICE_PORT_8080_TCP_PROTO=tcp",
		"SOME_SERVICE_PORT_8080_TCP_PORT=8080", "SOME_SERVICE_PORT_8080_TCP_ADDR="+ip,
		"KUBERNETES_SERVICE_HOST=10.43.0.1", "KUBERNETES_SERVICE_PORT=443", "KUBERNETES_SERVICE_PORT_HTTPS=443", "HOSTNAME=reader")
	if out := s.sh("reader/main", "env"); strings.Contains(out, "MISSING=") {
		s.Errorf("an optional key that is absent became a variable:\n%s", out)
	}
}

func files(s *space) {
	s.Helper()
	out := s.sh("reader/main", `cd /v
for f in settings/color settings/file.txt one.txt picked/deep/er/colour keys/user downward/name downward/cpu downward/labels downward/annotations \
	all/color all/who/user all/namespace fixed/a; do echo "$f: $(cat $f)"; done
od -An -tx1 settings/bytes
stat -L -c '%n %a' picked/deep/er/colour picked/shape keys/user
stat -f -c 'type %T' memory
df -B1 memory | awk 'END { print "size " $2 }'
ls picked optional | wc -w
echo shared > disk/file; touch memory/file; touch settings/x 2>&1; touch keys/x 2>&1; true`)
	s.lines("the files", out,
		"settings/color: blue", "settings/file.txt: first line", "one.txt: first line", "picked/deep/er/colour: blue", "keys/user: anna",
		"downward/name: reader", "downward/cpu: 500", "downward/labels: app=\"reader\"", "tier=\"1\"", "all/color: blue", "all/who/user: anna",
		"all/namespace: "+s.name, "fixed/a: 1", " 00 01 02 ff", "picked/deep/er/colour 640", "picked/shape 400", "keys/user 400", "type tmpfs", "size 8388608",
		"touch: cannot touch 'settings/x': Read-only file system", "touch: cannot touch 'keys/x': Read-only file system")
	s.says("the annotations", out, `note="first"`)
	s.same("an emptyDir seen by the second container", s.sh("reader/second", "cat /shared/file"), "shared")
}

// changes reach volumes in place, but neither subPaths nor variables.
func changes(s *space) {
	s.Helper()
	s.kubectl("patch", "configmap", "settings", "-p", `{"data":{"color":"green","file.txt":"second line","new":"key"}}`)
	s.kubectl("patch", "secret", "keys", "-p", `{"stringData":{"user":"berta"}}`)
	s.kubectl("label", "pod", "reader", "tier=2", "--overwrite")
	s.kubectl("annotate", "pod", "reader", "note=second", "--overwrite")
	s.kubectl("create", "configmap", "absent", "--from-literal=late=yes")
	want := "green second line key green berta tier=\"2\" note=\"second\" green berta yes"
	s.eventually("the changes in the volumes", func() error {
		out, err := s.try("exec", "reader", "-c", "main", "--", "sh", "-c", `cd /v; echo $(cat settings/color; echo; cat settings/file.txt; echo; cat settings/new; echo
cat picked/deep/er/colour; echo; cat keys/user; echo; grep tier downward/labels; grep -o 'note=.*' downward/annotations; cat all/color; echo; cat all/who/user; echo; cat optional/late)`)
		if got := strings.TrimSpace(out); err == nil && got != want {
			err = fmt.Errorf("%s, want %s", got, want)
		}
		return err
	})
	s.same("a file mounted by subPath", s.sh("reader/main", "cat /v/one.txt"), "first line")
	s.same("a variable", s.sh("reader/main", "echo $COLOR"), "blue")
	s.same("the restarts", s.get("pod/reader", ".status.containerStatuses[*].restartCount"), "0 0")
}

// TestToken uses the token of a pod's service account from inside the pod.
func TestToken(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.manifest("token")
	s.up("visitor", "quiet")
	const files = "/var/run/secrets/kubernetes.io/serviceaccount"
	call := func(token, path string) string {
		return s.sh("visitor", fmt.Sprintf(`curl -sS -m 30 --cacert %s/ca.crt -H "Authorization: Bearer $(cat %s)" https://kubernetes.default.svc%s`, files, token, path))
	}
	s.same("the namespace file", s.sh("visitor", "cat "+files+"/namespace"), s.name)
	s.says("reading pods without a role", call(files+"/token", "/api/v1/namespaces/"+s.name+"/pods"), `"code": 403`,
		`pods is forbidden: User \"system:serviceaccount:`+s.name+`:default\" cannot list resource \"pods\" in API group \"\" in the namespace \"`+s.name+`\"`)
	s.kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods")
	s.kubectl("create", "rolebinding", "reader", "--role=reader", "--serviceaccount="+s.name+":default")
	s.eventually("the role", func() error { // the server hears of it by a watch
		if answer := call(files+"/token", "/api/v1/namespaces/"+s.name+"/pods"); strings.Contains(answer, `"code": 403`) {
			return errors.New(answer)
		}
		return nil
	})
	s.says("reading pods with a role", call(files+"/token", "/api/v1/namespaces/"+s.name+"/pods"), `"kind": "PodList"`, `"name": "visitor"`)
	s.says("reading secrets with that role", call(files+"/token", "/api/v1/namespaces/"+s.name+"/secrets"), `"code": 403`)
	s.says("reading pods elsewhere with that role", call(files+"/token", "/api/v1/namespaces/default/pods"), `"code": 403`)
	s.says("a token for another audience", call("/v/vault", "/api/v1/namespaces/"+s.name+"/pods"), `"code": 401`, `"reason": "Unauthorized"`)
	s.same("a pod that wants no token", s.sh("quiet", "ls -d "+files+" 2>&1 || true"), "ls: cannot access '"+files+"': No such file or directory")
}
