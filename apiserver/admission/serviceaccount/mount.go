package serviceaccount

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

const (
	volumePrefix = "kube-api-access-"
	mountPath    = "/var/run/secrets/kubernetes.io/serviceaccount"
)

// mountsToken asks the pod, then its account; without a word from either the token is mounted.
func mountsToken(account *corev1.ServiceAccount, pod *corev1.Pod) bool {
	if pod.Spec.AutomountServiceAccountToken != nil {
		return *pod.Spec.AutomountServiceAccountToken
	}
	return ptr.Deref(account.AutomountServiceAccountToken, true)
}

// mountToken mounts the token into all containers that do not mount something else in its place. The volume
// is added when a container uses it and the pod does not bring one along.
func mountToken(pod *corev1.Pod) {
	at := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return strings.HasPrefix(v.Name, volumePrefix) })
	name := ""
	if at >= 0 {
		name = pod.Spec.Volumes[at].Name
	} else {
		name = volumePrefix + rand.String(5)
	}
	used := false
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			used = mount(&containers[i], name) || used
		}
	}
	if used && at < 0 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: volumes.APIAccess()})
	}
}

func mount(container *corev1.Container, volume string) bool {
	if slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == mountPath }) {
		return false
	}
	container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: volume, ReadOnly: true, MountPath: mountPath})
	return true
}
