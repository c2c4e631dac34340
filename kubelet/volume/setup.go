package volume

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coxswain-k8s/coxswain/kubelet/volume/safepath"
)

// Error is what went wrong with one volume. Its text is the message of the FailedMount event.
type Error struct {
	Volume string
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("MountVolume.SetUp failed for volume %q : %v", e.Volume, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Messages returns the text of every volume's error in err, one FailedMount event each.
func Messages(err error) []string {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []string{err.Error()}
	}
	var messages []string
	for _, one := range joined.Unwrap() {
		messages = append(messages, Messages(one)...)
	}
	return messages
}

// setter is one call of Setup or Refresh for one pod.
type setter struct {
	*Manager
	pod   *corev1.Pod
	state *podState
	// refreshing is set when only content that may change has to be written.
	refreshing bool
}

// Setup brings up all volumes of the pod that its containers use, by volume name. It is idempotent and
// is called again after an error; Messages(err) are the texts of the FailedMount events.
func (m *Manager) Setup(ctx context.Context, pod *corev1.Pod) (map[string]Mount, error) {
	return m.set(ctx, pod, false)
}

// Refresh writes changed content of a running pod's volumes (ConfigMaps, Secrets, the pod's own fields, tokens).
func (m *Manager) Refresh(ctx context.Context, pod *corev1.Pod) error {
	_, err := m.set(ctx, pod, true)
	return err
}

func (m *Manager) set(ctx context.Context, pod *corev1.Pod, refreshing bool) (map[string]Mount, error) {
	state := m.state(pod.UID)
	state.mu.Lock()
	defer state.mu.Unlock()

	used := usedVolumes(pod)
	m.watchRefs(pod.UID, state, references(pod, used))
	s := setter{Manager: m, pod: pod, state: state, refreshing: refreshing}
	mounts := map[string]Mount{}
	var errs []error
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		if !used[volume.Name] || refreshing && !changes(volume) {
			continue
		}
		mount, err := s.setUp(ctx, volume)
		if err != nil {
			errs = append(errs, &Error{Volume: volume.Name, Err: err})
			continue
		}
		mounts[volume.Name] = mount
	}
	m.remember(state, mounts)
	m.schedule(state)
	return mounts, errors.Join(errs...)
}

// Mounted returns the pod's volumes that are set up, by name.
func (m *Manager) Mounted(uid types.UID) map[string]Mount {
	m.mu.Lock()
	defer m.mu.Unlock()
	if state, ok := m.pods[uid]; ok {
		return maps.Clone(state.mounts)
	}
	return nil
}

// usedVolumes names the volumes that some container of the pod mounts; others are not set up.
func usedVolumes(pod *corev1.Pod) map[string]bool {
	used := map[string]bool{}
	add := func(mounts []corev1.VolumeMount) {
		for _, mount := range mounts {
			used[mount.Name] = true
		}
	}
	for i := range pod.Spec.InitContainers {
		add(pod.Spec.InitContainers[i].VolumeMounts)
	}
	for i := range pod.Spec.Containers {
		add(pod.Spec.Containers[i].VolumeMounts)
	}
	for i := range pod.Spec.EphemeralContainers {
		add(pod.Spec.EphemeralContainers[i].VolumeMounts)
	}
	return used
}

// changes says whether the volume's content may change while the pod runs.
func changes(volume *corev1.Volume) bool {
	return volume.ConfigMap != nil || volume.Secret != nil || volume.DownwardAPI != nil || volume.Projected != nil
}

func (s setter) setUp(ctx context.Context, volume *corev1.Volume) (Mount, error) {
	switch {
	case volume.EmptyDir != nil:
		return s.emptyDir(volume.Name, volume.EmptyDir)
	case volume.HostPath != nil:
		return hostPath(volume.HostPath)
	case volume.ConfigMap != nil:
		return s.configMapVolume(ctx, volume.Name, volume.ConfigMap)
	case volume.Secret != nil:
		return s.secretVolume(ctx, volume.Name, volume.Secret)
	case volume.DownwardAPI != nil:
		return s.downwardVolume(volume.Name, volume.DownwardAPI)
	case volume.Projected != nil:
		return s.projectedVolume(ctx, volume.Name, volume.Projected)
	case volume.PersistentVolumeClaim != nil:
		return s.claim(ctx, volume.PersistentVolumeClaim.ClaimName, volume.PersistentVolumeClaim.ReadOnly, false)
	case volume.Ephemeral != nil:
		return s.claim(ctx, s.pod.Name+"-"+volume.Name, false, true)
	case volume.Image != nil:
		return Mount{ReadOnly: true, Image: &ImageSource{Reference: volume.Image.Reference, PullPolicy: volume.Image.PullPolicy}}, nil
	case volume.GitRepo != nil:
		return Mount{}, errors.New("gitRepo volumes are refused: cloning runs a repository's code as root on the node; clone in an init container into an emptyDir")
	default:
		return Mount{}, errors.New("no volume plugin matched")
	}
}

// Teardown unmounts and removes everything of the pod below RootDir/pods/<uid>. It is idempotent.
func (m *Manager) Teardown(podUID types.UID) error {
	if podUID == "" || podUID == "." || podUID == ".." {
		return fmt.Errorf("tearing down volumes: invalid pod UID %q", podUID)
	}
	if state := m.forget(podUID); state != nil {
		state.mu.Lock()
		defer state.mu.Unlock()
		m.watchRefs(podUID, state, nil)
	}
	dir := m.podDir(podUID)
	if err := safepath.UnmountBelow(dir); err != nil {
		return fmt.Errorf("unmounting volumes of pod %s: %w", podUID, err)
	}
	if err := safepath.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing volumes of pod %s: %w", podUID, err)
	}
	return nil
}

// Orphans tears down the folders of pods that are not in live.
func (m *Manager) Orphans(live map[types.UID]bool) error {
	entries, err := os.ReadDir(m.podDir(""))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing pod folders: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		if uid := types.UID(entry.Name()); !live[uid] {
			errs = append(errs, m.Teardown(uid))
		}
	}
	return errors.Join(errs...)
}
