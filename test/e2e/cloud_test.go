package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coxswain-k8s/coxswain/cluster/machines"
	"github.com/coxswain-k8s/coxswain/test/env"
)

// waiting is a pod that any node can have, and a Service that is to have a load balancer.
const waiting = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: web, image: "docker.io/coxswain/toolbox:v1", command: [sleep, "3600"]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
`

// TestCloudControllerManager has a node wait for a cloud, and the program of that name let it in.
func TestCloudControllerManager(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cluster, err := env.NewCluster(ctx, octet()+6, "--cloud-provider=external")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's log:\n%s", cluster.Log())
		}
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	s := newSpaceOn(t, cluster)
	s.must("", cluster.WaitNode(ctx))
	node := "node/" + cluster.Machine.Name
	if taints := s.get(node, ".spec.taints[*].key"); !strings.Contains(taints, "node.cloudprovider.kubernetes.io/uninitialized") {
		t.Errorf("a node that waits for a cloud has the taints %q", taints)
	}
	s.apply(waiting)
	s.event("web", "Warning", "FailedScheduling", "untolerated taint")

	program := filepath.Join(t.TempDir(), "cloud-controller-manager")
	if err := os.Symlink(cluster.Program(), program); err != nil {
		t.Fatal(err)
	}
	manager := cluster.Machine.Command(context.Background(), program, "--kubeconfig="+cluster.Kubeconfig, "--cloud-provider=local")
	var log bytes.Buffer
	manager.Stdout, manager.Stderr, manager.SysProcAttr = &log, &log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := machines.Start(manager); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = manager.Process.Signal(syscall.SIGTERM)
		if err := manager.Wait(); err != nil || t.Failed() {
			t.Errorf("the program ended: %v:\n%s", err, log.String())
		}
	})
	s.becomes(node, ".spec.providerID", "local://"+cluster.Machine.Name)
	s.eventually("the node to be let in", func() error {
		if taints := s.get(node, ".spec.taints[*].key"); strings.Contains(taints, "cloudprovider") {
			return fmt.Errorf("it has %s", taints)
		}
		return nil
	})
	s.becomes("service/web", ".status.loadBalancer.ingress[0].ip", cluster.Machine.IP)
	s.up("web")
}
