package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stateful keeps what it counts in a claim; it runs as a user of no rights.
const stateful = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      securityContext: {runAsUser: 1234}
      containers:
      - name: main
        image: docker.io/coxswain/toolbox:v1
        command: [sh, -c, "echo $HOSTNAME >> /data/starts; ln -s /etc /data/link; exec sleep 100000"]
        volumeMounts: [{name: data, mountPath: /data}]
        readinessProbe: {exec: {command: [test, -s, /data/starts]}, periodSeconds: 1}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: nobodys}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
`

// A StatefulSet with claims works on a bare machine: the data outlives the pods, and goes with the claim.
func TestLocalVolumes(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.says("the default class", s.kubectl("get", "storageclass", "--no-headers"), "local-path (default)   coxswain.io/local-path   Delete   WaitForFirstConsumer   false")
	s.apply(stateful)
	s.ready("statefulset/db")
	s.event("nobodys", "Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding")
	s.event("data-db-0", "Normal", "ProvisioningSucceeded", "Successfully provisioned volume pvc-")
	s.kubectl("delete", "pod", "db-0")
	s.eventually("a second start with the data of the first", func() error {
		out, err := s.try("exec", "db-0", "--", "cat", "/data/starts")
		if err == nil && out != "db-0\ndb-0\n" {
			err = fmt.Errorf("%q", out)
		}
		return err
	})
	s.same("the other's data", s.sh("db-1", "cat /data/starts"), "db-1")

	volume := s.get("pvc/data-db-0", ".spec.volumeName")
	folder := s.get("pv/"+volume, ".spec.local.path")
	if want := filepath.Join(s.cluster.DataDir(), "storage", volume+"_"+s.name+"_data-db-0"); folder != want {
		t.Errorf("the data is in %s, want %s", folder, want)
	}
	if data, err := os.ReadFile(filepath.Join(folder, "starts")); err != nil || !strings.Contains(string(data), "db-0") {
		t.Errorf("the data on the node: %q, %v", data, err)
	}
	s.kubectl("delete", "statefulset", "db")
	s.kubectl("delete", "pvc", "data-db-0")
	s.kubectl("wait", "--for=delete", "pv/"+volume, "--timeout", patience.String())
	if _, err := os.Lstat(folder); !os.IsNotExist(err) {
		t.Errorf("the data is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(s.cluster.Machine.Dir, "data", "storage")); err != nil {
		t.Error(err)
	}
	s.becomes("pvc/data-db-1", ".status.phase", "Bound")
}
