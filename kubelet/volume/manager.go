package volume

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	mountutils "k8s.io/mount-utils"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Mount is one volume of a pod, ready to be given to its containers.
type Mount struct {
	// HostPath is the folder or file on the node that a container mount of this volume (without subPath) binds.
	HostPath string
	// ReadOnly says that the volume itself is read-only, whatever the container's volumeMount says.
	ReadOnly bool
	// Image is set instead of HostPath for an image volume: the runtime mounts it from its own image store.
	Image *ImageSource
}

// ImageSource names the image of an image volume; the caller pulls it and fills in the CRI mount.
type ImageSource struct {
	Reference  string
	PullPolicy corev1.PullPolicy
}

// Manager sets up, refreshes and tears down the volumes of pods. Its exported fields are inputs.
// All methods may be called at the same time for different pods; calls for one pod are serialized here.
type Manager struct {
	// Client reads claims, volumes and trust bundles and requests tokens through SubResource("token").
	Client client.Client
	// Objects reads and watches the ConfigMaps and Secrets that pods refer to.
	Objects ObjectSource
	// RootDir is the kubelet's folder, /var/lib/kubelet by default.
	RootDir string
	// NodeName is the name of this node.
	NodeName string
	// Allocatable returns what a resourceFieldRef to an unset limit means. Nil means no default.
	Allocatable func() corev1.ResourceList
	// PodIPs returns a pod's addresses as far as this node knows them before the API does. Nil: use the pod's status.
	PodIPs func(pod *corev1.Pod) []string
	// NeedsRefresh is called, without locks held, when content of a pod's volumes is due to be written again: a
	// referenced object changed or a token grows old. The pod worker then calls Refresh. It must not block.
	NeedsRefresh func(podUID types.UID)
	// Clock defaults to the real one.
	Clock clock.WithTickerAndDelayedExecution
	// Mounter defaults to the machine's mount calls.
	Mounter mountutils.Interface

	mu    sync.Mutex
	pods  map[types.UID]*podState
	timer clock.Timer
	next  time.Time
}

// podState is what the manager remembers of one pod between Setup and Teardown.
type podState struct {
	mu       sync.Mutex
	watches  map[Ref]func()
	tokens   map[tokenKey]token
	tokenDue time.Time
}
