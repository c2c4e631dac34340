package volume

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	corev1 "k8s.io/api/core/v1"
)

// fsGroup is the pod's supplemental group that owns volumes, nil when unset.
func fsGroup(pod *corev1.Pod) *int64 {
	if pod.Spec.SecurityContext == nil {
		return nil
	}
	return pod.Spec.SecurityContext.FSGroup
}

// fsUser is the user that every container of the pod runs as, nil when they differ or do not say.
func fsUser(pod *corev1.Pod) *int64 {
	var fromPod *int64
	if pod.Spec.SecurityContext != nil {
		fromPod = pod.Spec.SecurityContext.RunAsUser
	}
	users := map[int64]bool{}
	unset := false
	add := func(security *corev1.SecurityContext) {
		user := fromPod
		if security != nil && security.RunAsUser != nil {
			user = security.RunAsUser
		}
		if user == nil {
			unset = true
			return
		}
		users[*user] = true
	}
	for i := range pod.Spec.InitContainers {
		add(pod.Spec.InitContainers[i].SecurityContext)
	}
	for i := range pod.Spec.Containers {
		add(pod.Spec.Containers[i].SecurityContext)
	}
	for i := range pod.Spec.EphemeralContainers {
		add(pod.Spec.EphemeralContainers[i].SecurityContext)
	}
	if unset || len(users) != 1 {
		return nil
	}
	for user := range users {
		return &user
	}
	return nil
}

// own gives everything below dir to the pod's fsGroup and opens it to the group, as far as it is not so already
// when the pod's policy is OnRootMismatch.
func (s setter) own(dir string, mayHaveContent bool) error {
	group := fsGroup(s.pod)
	if group == nil {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	policy := s.pod.Spec.SecurityContext.FSGroupChangePolicy
	if mayHaveContent && policy != nil && *policy == corev1.FSGroupChangeOnRootMismatch && owned(root, *group) {
		return nil
	}
	return chownTree(root, *group, false)
}

func owned(root *os.Root, group int64) bool {
	info, err := root.Stat(".")
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	want := groupMode(info.Mode(), false)
	return ok && int64(stat.Gid) == group && info.Mode()&want == want
}

// groupMode is what the group needs on top: to read (and write), and on folders to enter and to pass itself on.
func groupMode(mode fs.FileMode, readOnly bool) fs.FileMode {
	extra := fs.FileMode(0o660)
	if readOnly {
		extra = 0o440
	}
	if mode.IsDir() {
		extra |= 0o110 | fs.ModeSetgid
	}
	return extra
}

func chownTree(root *os.Root, group int64, readOnly bool) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := root.Lchown(name, -1, int(group)); err != nil {
			return fmt.Errorf("giving %s to group %d: %w", name, group, err)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			return nil
		}
		mode := info.Mode() | groupMode(info.Mode(), readOnly)
		return root.Chmod(name, mode&(fs.ModePerm|fs.ModeSetgid|fs.ModeSetuid|fs.ModeSticky))
	})
}
