package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// web is a Deployment of front ends that answer on port 80.
const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  progressDeadlineSeconds: %d
  strategy: %s
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 10
      containers:
      - name: web
        image: docker.io/coxswain/guestbook-frontend:v1
        imagePullPolicy: IfNotPresent
        ports: [{containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1, timeoutSeconds: 5}
        lifecycle: %s
`

const (
	firstImage  = "docker.io/coxswain/guestbook-frontend:v1"
	secondImage = "docker.io/coxswain/guestbook-frontend:v2"
)

// runs waits until all pods of the Deployment run one image.
func (s *space) runs(image string, replicas int) {
	s.Helper()
	s.ready("deployment/web")
	s.running("app=web", replicas)
	for got := range strings.FieldsSeq(s.get("pods", ".items[*].spec.containers[0].image")) {
		if got != image {
			s.Errorf("a pod runs %s, want %s", got, image)
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.apply(fmt.Sprintf(web, 1, 600, "{}", "{}"))
	s.runs(firstImage, 1)
	s.says("scale", s.kubectl("scale", "deployment/web", "--replicas=4"), "deployment.apps/web scaled")
	s.runs(firstImage, 4)
	s.says("get", s.kubectl("get", "deployment", "web"), "4/4")
	s.says("scale", s.refused("scale", "deployment/web", "--current-replicas=3", "--replicas=9"), "Expected replicas to be 3, was 4")
	s.kubectl("scale", "deployment/web", "--replicas=0")
	s.running("app=web", 0)
	s.kubectl("scale", "deployment/web", "--replicas=2", "--timeout", patience.String())
	s.runs(firstImage, 2)
	s.kubectl("scale", "replicaset", "-l", "app=web", "--replicas=3")
	s.runs(firstImage, 2) // what owns the ReplicaSet has the last word
}

func TestRollout(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.apply(fmt.Sprintf(web, 2, 600, "{}", "{}"))
	s.says("rollout status", s.kubectl("rollout", "status", "deployment/web"), `deployment "web" successfully rolled out`)
	s.kubectl("annotate", "deployment/web", "kubernetes.io/change-cause=the first")

	s.says("set", s.kubectl("set", "image", "deployment/web", "web="+secondImage), "deployment.apps/web image updated")
	s.kubectl("annotate", "--overwrite", "deployment/web", "kubernetes.io/change-cause=the second")
	s.runs(secondImage, 2)
	history := s.kubectl("rollout", "history", "deployment/web")
	s.says("rollout history", history, "REVISION", "1         the first", "2         the second")
	s.says("rollout history", s.kubectl("rollout", "history", "deployment/web", "--revision=1"), "with revision #1", firstImage)

	s.says("rollout undo", s.kubectl("rollout", "undo", "deployment/web"), "deployment.apps/web rolled back")
	s.runs(firstImage, 2)
	history = s.kubectl("rollout", "history", "deployment/web")
	s.says("rollout history", history, "2         the second", "3         the first")
	if strings.Contains(history, "\n1 ") {
		t.Errorf("the revision that was rolled back to is listed twice: %s", history)
	}
	s.kubectl("rollout", "undo", "deployment/web", "--to-revision=2")
	s.runs(secondImage, 2)
	s.says("rollout undo", s.refused("rollout", "undo", "deployment/web", "--to-revision=9"), "unable to find specified revision 9 in history")
	s.kubectl("rollout", "restart", "deployment/web")
	s.runs(secondImage, 2)
	if replicaSets := strings.Fields(s.get("replicasets", ".items[*].metadata.name")); len(replicaSets) != 3 {
		t.Errorf("ReplicaSets %v, want three: each template has one", replicaSets)
	}
}

func TestRolloutPaused(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.apply(fmt.Sprintf(web, 1, 600, "{}", "{}"))
	s.runs(firstImage, 1)
	s.kubectl("set", "env", "deployment/web", "GREETING=hello")
	s.runs(firstImage, 1)
	s.says("rollout pause", s.kubectl("rollout", "pause", "deployment/web"), "deployment.apps/web paused")
	s.says("rollout pause", s.refused("rollout", "pause", "deployment/web"), "already paused")
	s.becomes("deployment/web", `.status.conditions[?(@.type=="Progressing")].reason`, "DeploymentPaused")
	s.kubectl("set", "image", "deployment/web", "web="+secondImage)
	s.kubectl("scale", "deployment/web", "--replicas=2")
	s.running("app=web", 2) // a paused Deployment scales, with the template that it had
	for image := range strings.FieldsSeq(s.get("pods", ".items[*].spec.containers[0].image")) {
		if image != firstImage {
			t.Errorf("a paused Deployment rolled to %s", image)
		}
	}
	s.says("rollout undo", s.refused("rollout", "undo", "deployment/web"), "cannot rollback a paused deployment")
	s.says("rollout resume", s.kubectl("rollout", "resume", "deployment/web"), "deployment.apps/web resumed")
	s.runs(secondImage, 2)
}

func TestRolloutFails(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.apply(fmt.Sprintf(web, 2, 600, "{}", "{}"))
	s.runs(firstImage, 2)
	before := s.get("pods", ".items[*].metadata.name")
	s.kubectl("patch", "deployment", "web", "-p", `{"spec": {"progressDeadlineSeconds": 2}}`)
	s.kubectl("set", "image", "deployment/web", "web=127.0.0.1:1/nothing:v1")
	s.says("rollout status", s.refused("rollout", "status", "deployment/web"), `deployment "web" exceeded its progress deadline`)
	s.becomes("deployment/web", `.status.conditions[?(@.type=="Progressing")].reason`, "ProgressDeadlineExceeded")
	s.becomes("deployment/web", ".status.availableReplicas", "2")
	s.eventually("a pod that cannot pull", func() error {
		out, err := s.try("get", "pods")
		if err == nil && !strings.Contains(out, "ImagePullBackOff") && !strings.Contains(out, "ErrImagePull") {
			err = fmt.Errorf("%s", out)
		}
		return err
	})
	s.kubectl("rollout", "undo", "deployment/web")
	s.runs(firstImage, 2)
	if after := s.get("pods", ".items[*].metadata.name"); after != before {
		t.Errorf("pods %s, want those from before the failed rollout: %s", after, before)
	}
}

func TestRecreate(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.apply(fmt.Sprintf(web, 2, 600, "{type: Recreate}", "{}"))
	s.runs(firstImage, 2)
	old := strings.Fields(s.get("pods", ".items[*].metadata.name"))
	watched := s.watch("pods")
	s.kubectl("set", "image", "deployment/web", "web="+secondImage)
	s.runs(secondImage, 2)
	ended := map[string]bool{}
	for line := range strings.Lines(watched()) {
		var event, name, phase string
		if _, err := fmt.Sscan(line, &event, &name, &phase); err != nil {
			t.Fatalf("reading %q: %v", line, err)
		}
		switch isOld := slices.Contains(old, name); {
		case isOld && (event == "DELETED" || phase == "Failed" || phase == "Succeeded"):
			ended[name] = true
		case !isOld && len(ended) < 2:
			t.Fatalf("%s came when of the old pods %v only %v had ended", name, old, ended)
		}
	}
	if len(ended) != 2 {
		t.Errorf("saw %v end, want %v", ended, old)
	}
}

// watch follows objects; what it returns ends it and gives lines of event, name and phase.
func (s *space) watch(what string) (stop func() string) {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.Cleanup(cancel)
	out := lines{first: make(chan struct{})}
	command := s.cluster.KubectlCommand(ctx, "-n", s.name, "get", what, "--watch", "--output-watch-events", "-o", "custom-columns=EVENT:.type,NAME:.object.metadata.name,PHASE:.object.status.phase", "--no-headers")
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = time.Second
	command.Stdout = &out
	if err := command.Start(); err != nil {
		s.Fatal(err)
	}
	select {
	case <-out.first:
	case <-time.After(patience):
		s.Fatal("kubectl get --watch shows nothing")
	}
	return func() string {
		cancel()
		_ = command.Wait()
		return out.text.String()
	}
}
