package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// workloads own pods, each in its own way.
const workloads = `
apiVersion: %s
kind: %s
metadata: {name: owner}
spec:
  replicas: 1
  selector: %s
  template:
    metadata: {labels: {app: owned}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: "docker.io/coxswain/toolbox:v1"}]
`

func TestCascade(t *testing.T) {
	t.Parallel()
	for _, each := range []struct{ version, kind, selector string }{
		{"v1", "ReplicationController", "{app: owned}"},
		{"apps/v1", "ReplicaSet", "{matchLabels: {app: owned}}"},
		{"apps/v1", "Deployment", "{matchLabels: {app: owned}}"},
	} {
		t.Run(each.kind, func(t *testing.T) {
			t.Parallel()
			s := newSpace(t)
			manifest := fmt.Sprintf(workloads, each.version, each.kind, each.selector)
			owner := strings.ToLower(each.kind) + "/owner"

			s.apply(manifest)
			pod := s.running("app=owned", 1)[0]
			s.kubectl("delete", owner, "--cascade=orphan")
			s.kubectl("get", "pod", pod)
			held := "pod/" + pod
			if each.kind == "Deployment" {
				held = "replicaset"
			}
			if references := s.kubectl("get", held, "-o", "jsonpath={..metadata.ownerReferences[?(@.kind=='"+each.kind+"')].name}"); references != "" {
				t.Errorf("an orphan still names its owner %s", references)
			}
			s.apply(manifest)
			s.same("the adopted pod", strings.Join(s.running("app=owned", 1), " "), pod)

			s.kubectl("patch", "pod", pod, "--type=merge", "-p", `{"metadata": {"finalizers": ["example.com/hold"]}}`)
			s.kubectl("delete", owner, "--cascade=foreground", "--wait=false")
			s.over(pod)
			s.same("what holds the owner", s.get(owner, ".metadata.finalizers[*]"), "foregroundDeletion")
			s.kubectl("patch", "pod", pod, "--type=merge", "-p", `{"metadata": {"finalizers": null}}`)
			s.kubectl("wait", owner, "--for=delete", "--timeout", patience.String())
			s.none("pods,replicasets")

			s.apply(manifest)
			s.running("app=owned", 1)
			s.kubectl("delete", owner, "--cascade=background")
			s.none("pods,replicasets")
		})
	}
}

// none waits until there is no object of these kinds.
func (s *space) none(kinds string) {
	s.Helper()
	s.eventually("no "+kinds, func() error {
		out, err := s.try("get", kinds, "-o", "name")
		if err == nil && out != "" {
			err = fmt.Errorf("%s", out)
		}
		return err
	})
}

const ownedMap = `
apiVersion: v1
kind: ConfigMap
metadata:
  name: %s
  ownerReferences: [%s]
---
`

func TestOwners(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	for _, name := range []string{"first", "second"} {
		s.kubectl("create", "configmap", name)
	}
	reference := func(name, uid string) string {
		return fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, name: %s, uid: %q, blockOwnerDeletion: true}", name, uid)
	}
	first := reference("first", s.get("configmap/first", ".metadata.uid"))
	second := reference("second", s.get("configmap/second", ".metadata.uid"))
	stranger := reference("nobody", "00000000-0000-0000-0000-000000000000")
	s.apply(fmt.Sprintf(ownedMap, "of-first", first) + fmt.Sprintf(ownedMap, "of-both", first+", "+second) + fmt.Sprintf(ownedMap, "of-nobody", stranger))
	gone := func(name string) {
		s.eventually(name+" is gone", func() error {
			if out, err := s.try("get", "configmap", name, "-o", "yaml"); err == nil {
				return fmt.Errorf("%s", out)
			}
			return nil
		})
	}
	gone("of-nobody")
	s.kubectl("delete", "configmap", "first", "--cascade=foreground", "--timeout", patience.String())
	gone("of-first")
	s.becomes("configmap/of-both", ".metadata.ownerReferences[*].name", "second")
	s.kubectl("delete", "configmap", "second")
	gone("of-both")
}

const contents = `
apiVersion: v1
kind: ConfigMap
metadata: {name: held, finalizers: [example.com/hold]}
---
apiVersion: v1
kind: Secret
metadata: {name: some}
---
apiVersion: batch/v1
kind: Job
metadata: {name: some}
spec:
  template:
    spec: {restartPolicy: Never, terminationGracePeriodSeconds: 1, containers: [{name: main, image: "docker.io/coxswain/toolbox:v1"}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: some}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: some}
spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 1Mi}}}
---
`

func TestNamespaceDeletion(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	inner := *s
	inner.name += "-inner"
	s.kubectl("create", "namespace", inner.name)
	inner.apply(contents + probed)
	inner.running("app=probed", 2)
	s.kubectl("delete", "namespace", inner.name, "--wait=false")
	s.says("create", inner.refused("create", "configmap", "late"), "forbidden", "because it is being terminated")
	condition := func(kind, path string) string { return `.status.conditions[?(@.type=="` + kind + `")].` + path }
	object := "namespace/" + inner.name
	s.same("the phase", s.get(object, ".status.phase"), "Terminating")
	inner.none("pods,secrets,services,jobs,roles,persistentvolumeclaims,replicasets,endpointslices,serviceaccounts")
	s.becomes(object, condition("NamespaceContentRemaining", "message"), "Some resources are remaining: configmaps. has 1 resource instances")
	s.becomes(object, condition("NamespaceFinalizersRemaining", "message"), "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances")
	s.same("reading everything", s.get(object, condition("NamespaceDeletionDiscoveryFailure", "status")), "False")
	s.same("deleting everything", s.get(object, condition("NamespaceDeletionContentFailure", "status")), "False")
	started := time.Now()
	inner.kubectl("patch", "configmap", "held", "--type=merge", "-p", `{"metadata": {"finalizers": null}}`)
	s.kubectl("wait", object, "--for=delete", "--timeout", patience.String())
	t.Logf("gone %s after the last finalizer", time.Since(started))
}
