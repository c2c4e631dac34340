package volume

import (
	"path/filepath"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Mount is one volume of a pod, ready to be given to its containers.
type Mount struct {
	// HostPath is the folder or file on the node that a container mount of this volume (without subPath) binds.
	HostPath string
	// ReadOnly says that the volume itself is read-only, whatever the container's volumeMount says.
	ReadOnly bool
	// Claim is the name of the PersistentVolumeClaim behind the volume, "" when there is none.
	Claim string
	// Image is set instead of HostPath for an image volume: the runtime mounts it from its own image store.
	Image *ImageSource
}

// ImageSource names the image of an image volume; the caller pulls it and fills in the CRI mount.
type ImageSource struct {
	Reference  string
	PullPolicy corev1.PullPolicy
}

// Manager sets up, refreshes and tears down the volumes of pods. Its exported fields are inputs.
// All methods may be called at the same time; calls for one pod are serialized here.
type Manager struct {
	// Client reads claims, volumes and trust bundles and requests tokens through SubResource("token").
	Client client.Client
	// Objects reads and watches the ConfigMaps and Secrets that pods refer to.
	Objects ObjectSource
	// RootDir is the kubelet's folder, /var/lib/kubelet by default.
	RootDir string
	// NodeName is the name of this node.
	NodeName string
	// Allocatable returns what a resourceFieldRef to an unset limit means, and bounds memory volumes. Nil: no bound.
	Allocatable func() corev1.ResourceList
	// NeedsRefresh is called, without locks held, when content of a pod's volumes is due to be written again: a
	// referenced object changed or a token grows old. The pod worker then calls Setup, if that failed before, or
	// Refresh. It must not block.
	NeedsRefresh func(podUID types.UID)
	// Clock defaults to the real one.
	Clock clock.WithDelayedExecution

	mu    sync.Mutex
	pods  map[types.UID]*podState
	timer clock.Timer
}

func (m *Manager) podDir(uid types.UID) string {
	root := m.RootDir
	if root == "" {
		root = "/var/lib/kubelet"
	}
	return filepath.Join(root, "pods", string(uid))
}

// volumeDir is where the volume lives; plugin is "configmap", "empty-dir" and so on.
func (m *Manager) volumeDir(uid types.UID, plugin, name string) string {
	return filepath.Join(m.podDir(uid), "volumes", "kubernetes.io~"+plugin, name)
}

func (m *Manager) clock() clock.WithDelayedExecution {
	if m.Clock == nil {
		return clock.RealClock{}
	}
	return m.Clock
}

// state returns what is remembered of the pod, remembering it from now on.
func (m *Manager) state(uid types.UID) *podState {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pods == nil {
		m.pods = map[types.UID]*podState{}
	}
	state, ok := m.pods[uid]
	if !ok {
		state = &podState{mounts: map[string]Mount{}, watches: map[Ref]func(){}, tokens: map[tokenKey]token{}}
		m.pods[uid] = state
	}
	return state
}

func (m *Manager) forget(uid types.UID) *podState {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.pods[uid]
	delete(m.pods, uid)
	return state
}
