package volume

import corev1 "k8s.io/api/core/v1"

const (
	kindConfigMap = "ConfigMap"
	kindSecret    = "Secret"
)

// references lists the ConfigMaps and Secrets whose content the used volumes of the pod show.
func references(pod *corev1.Pod, used map[string]bool) map[Ref]bool {
	refs := map[Ref]bool{}
	add := func(kind, name string) {
		refs[Ref{Kind: kind, Namespace: pod.Namespace, Name: name}] = true
	}
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		if !used[volume.Name] {
			continue
		}
		if volume.ConfigMap != nil {
			add(kindConfigMap, volume.ConfigMap.Name)
		}
		if volume.Secret != nil {
			add(kindSecret, volume.Secret.SecretName)
		}
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.ConfigMap != nil {
				add(kindConfigMap, source.ConfigMap.Name)
			}
			if source.Secret != nil {
				add(kindSecret, source.Secret.Name)
			}
		}
	}
	return refs
}
