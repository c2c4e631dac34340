package volume

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

type tokenKey struct{ volume, path string }

type token struct {
	value string
	due   time.Time
}

var errNotYet = errors.New("volumes are not set up yet")

// Setup brings up all volumes of the pod that its containers can see, by volume name. It is idempotent and
// is called again after an error; an error's text is what the FailedMount event says.
func (m *Manager) Setup(ctx context.Context, pod *corev1.Pod) (map[string]Mount, error) {
	return nil, errNotYet
}

// Refresh writes changed content of a running pod's volumes (ConfigMaps, Secrets, the pod's own fields, tokens).
func (m *Manager) Refresh(ctx context.Context, pod *corev1.Pod) error { return errNotYet }

// SubPath prepares the path that a container mount with subPath or an expanded subPathExpr (already in
// mount.SubPath) binds. cleanup releases it once the container was created or creation failed.
func (m *Manager) SubPath(ctx context.Context, pod *corev1.Pod, containerName string, mount corev1.VolumeMount) (hostPath string, cleanup func(), err error) {
	return "", nil, errNotYet
}

// Teardown unmounts and removes everything of the pod below RootDir/pods/<uid>. It is idempotent.
func (m *Manager) Teardown(ctx context.Context, podUID types.UID) error { return errNotYet }

// Orphans tears down the folders of pods that are not in live.
func (m *Manager) Orphans(ctx context.Context, live map[types.UID]bool) error { return errNotYet }
