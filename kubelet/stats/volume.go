package stats

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// volume measures one volume; walked is how much of the node's own disk it takes. It returns nil for the host's folders.
func (s *Summary) volume(at metav1.Time, pod *measuredPod, v Volume) (stats *statsapi.VolumeStats, walked uint64) {
	owned := strings.HasPrefix(v.Path, filepath.Clean(s.rootDir)+"/")
	if !owned && v.Claim == "" {
		return nil, 0
	}
	size := fileSystem(at, v.Path)
	if size == nil {
		return nil, 0
	}
	if owned && !mounted(v.Path) {
		used, inodes := DiskUsage(v.Path)
		size.UsedBytes, size.InodesUsed, walked = &used, &inodes, used
	}
	stats = &statsapi.VolumeStats{Name: v.Name, FsStats: *size}
	if v.Claim != "" && pod.Pod.Pod != nil {
		stats.PVCRef = &statsapi.PVCReference{Name: v.Claim, Namespace: pod.Pod.Pod.Namespace}
	}
	return stats, walked
}

// mounted says whether path is on another file system than its parent.
func mounted(path string) bool {
	var own, parent syscall.Stat_t
	return syscall.Lstat(path, &own) == nil && syscall.Lstat(filepath.Dir(path), &parent) == nil && own.Dev != parent.Dev
}

// DiskUsage adds up the blocks below dir. It follows no links, counts a file with several names once, and leaves out what
// vanishes meanwhile.
func DiskUsage(dir string) (bytes, inodes uint64) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, 0
	}
	defer root.Close()
	seen := map[uint64]bool{}
	_ = fs.WalkDir(root.FS(), ".", func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || stat.Nlink > 1 && !entry.IsDir() && seen[stat.Ino] {
			return nil
		}
		seen[stat.Ino] = true
		bytes += uint64(stat.Blocks) * 512
		inodes++
		return nil
	})
	return bytes, inodes
}
