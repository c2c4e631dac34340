package runtime

import (
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// A start that the end of the kubelet interrupted is not a run: nothing exited, and starting it again is no restart.
func TestInterruptedStartIsNoRun(t *testing.T) {
	exited, created := runtimeapi.ContainerState_CONTAINER_EXITED, runtimeapi.ContainerState_CONTAINER_CREATED
	for name, test := range map[string]struct {
		status *runtimeapi.ContainerStatus
		want   runtimeapi.ContainerState
	}{
		"interrupted":   {&runtimeapi.ContainerStatus{Reason: "StartError", Message: "failed to start containerd task: context canceled"}, created},
		"no such file":  {&runtimeapi.ContainerStatus{Reason: "StartError", Message: `exec: "nothing": executable file not found in $PATH`}, exited},
		"ran and ended": {&runtimeapi.ContainerStatus{Reason: "Error", StartedAt: 1, Message: "context canceled"}, exited},
	} {
		t.Run(name, func(t *testing.T) {
			test.status.State = exited
			if got := fromStatus(test.status).State; got != test.want {
				t.Errorf("state %s, want %s", got, test.want)
			}
		})
	}
}
