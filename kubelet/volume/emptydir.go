package volume

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/coxswain-k8s/coxswain/kubelet/volume/safepath"
)

// emptyDir makes a folder that everybody in the pod may write, on disk or in memory. The size limit of a disk
// volume is enforced by eviction, that of a memory volume by its file system. What the pod has made of the folder since
// (its mode, say) is left alone when it is set up again: a marker says that it was ready.
func (s setter) emptyDir(name string, source *corev1.EmptyDirVolumeSource) (Mount, error) {
	dir := s.volumeDir(s.pod.UID, "empty-dir", name)
	marker := filepath.Join(s.podDir(s.pod.UID), "plugins", "kubernetes.io~empty-dir", name, "ready")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return Mount{}, err
	}
	mounted, err := safepath.IsMountPoint(dir)
	if err != nil {
		return Mount{}, err
	}
	if _, err := os.Stat(marker); err == nil && (mounted || source.Medium == corev1.StorageMediumDefault) {
		return Mount{HostPath: dir}, nil
	}
	if !mounted {
		if err := s.mountMedium(dir, source); err != nil {
			return Mount{}, err
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		return Mount{}, err
	}
	if err := s.own(dir, false); err != nil {
		return Mount{}, err
	}
	if err := os.MkdirAll(filepath.Dir(marker), 0o750); err != nil {
		return Mount{}, err
	}
	return Mount{HostPath: dir}, os.WriteFile(marker, nil, 0o640)
}

func (s setter) mountMedium(dir string, source *corev1.EmptyDirVolumeSource) error {
	switch {
	case source.Medium == corev1.StorageMediumDefault:
		return nil
	case source.Medium == corev1.StorageMediumMemory:
		options := "mode=0777"
		if size := s.memoryVolumeSize(source.SizeLimit); size > 0 {
			options = fmt.Sprintf("%s,size=%d", options, size)
		}
		return safepath.Tmpfs(dir, options)
	case source.Medium == corev1.StorageMediumHugePages:
		return s.mountHugePages(dir, "")
	case strings.HasPrefix(string(source.Medium), string(corev1.StorageMediumHugePagesPrefix)):
		return s.mountHugePages(dir, strings.TrimPrefix(string(source.Medium), string(corev1.StorageMediumHugePagesPrefix)))
	default:
		return fmt.Errorf("unknown storage medium %q", source.Medium)
	}
}

// memoryVolumeSize is the smallest of the volume's limit, the pod's memory limit and what the node has; 0 means none is known.
func (s setter) memoryVolumeSize(limit *resource.Quantity) int64 {
	var size int64
	bound := func(value int64) {
		if value > 0 && (size == 0 || value < size) {
			size = value
		}
	}
	if s.Allocatable != nil {
		allocatable := s.Allocatable()
		bound(allocatable.Memory().Value())
	}
	bound(podMemoryLimit(s.pod))
	if limit != nil {
		bound(limit.Value())
	}
	return size
}

// podMemoryLimit is the sum of the containers' memory limits, 0 when one of them has none.
func podMemoryLimit(pod *corev1.Pod) int64 {
	if pod.Spec.Resources != nil {
		if limit, ok := pod.Spec.Resources.Limits[corev1.ResourceMemory]; ok {
			return limit.Value()
		}
	}
	var sum int64
	for i := range pod.Spec.Containers {
		limit, ok := pod.Spec.Containers[i].Resources.Limits[corev1.ResourceMemory]
		if !ok {
			return 0
		}
		sum += limit.Value()
	}
	return sum
}

// mountHugePages mounts pages of the size given, or of the one size that the pod requests.
func (s setter) mountHugePages(dir, size string) error {
	if size == "" {
		sizes := map[string]bool{}
		for i := range s.pod.Spec.Containers {
			for name := range s.pod.Spec.Containers[i].Resources.Requests {
				if page, ok := strings.CutPrefix(string(name), corev1.ResourceHugePagesPrefix); ok {
					sizes[page] = true
					size = page
				}
			}
		}
		if len(sizes) != 1 {
			return fmt.Errorf("medium %s needs containers that request exactly one page size, not %d", corev1.StorageMediumHugePages, len(sizes))
		}
	}
	quantity, err := resource.ParseQuantity(size)
	if err != nil {
		return fmt.Errorf("parsing huge page size %q: %w", size, err)
	}
	return safepath.HugePages(dir, fmt.Sprintf("pagesize=%d", quantity.Value()))
}
