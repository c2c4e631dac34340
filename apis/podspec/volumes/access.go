package volumes

import corev1 "k8s.io/api/core/v1"

// accessSeconds is an hour and a bit, so that the kubelet, which refreshes at 80%, is told apart from clients that ask for
// one hour.
const accessSeconds = 3607

// APIAccess is what the containers of a pod call the API with: a token of its account, whom to trust, and the namespace. The
// ServiceAccount plugin adds it to nearly every pod.
func APIAccess() corev1.VolumeSource {
	a := &access{
		token:     corev1.ServiceAccountTokenProjection{Path: "token"},
		seconds:   accessSeconds,
		roots:     corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}},
		root:      [1]corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
		file:      [1]corev1.DownwardAPIVolumeFile{{Path: "namespace"}},
		namespace: corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"},
		mode:      corev1.ProjectedVolumeSourceDefaultMode,
	}
	a.token.ExpirationSeconds, a.roots.Items = &a.seconds, a.root[:]
	a.file[0].FieldRef, a.names.Items = &a.namespace, a.file[:]
	a.sources = [3]corev1.VolumeProjection{{ServiceAccountToken: &a.token}, {ConfigMap: &a.roots}, {DownwardAPI: &a.names}}
	a.projected = corev1.ProjectedVolumeSource{Sources: a.sources[:], DefaultMode: &a.mode}
	return corev1.VolumeSource{Projected: &a.projected}
}

// access is an APIAccess in one piece of memory instead of ten.
type access struct {
	projected corev1.ProjectedVolumeSource
	sources   [3]corev1.VolumeProjection
	token     corev1.ServiceAccountTokenProjection
	seconds   int64
	roots     corev1.ConfigMapProjection
	root      [1]corev1.KeyToPath
	names     corev1.DownwardAPIProjection
	file      [1]corev1.DownwardAPIVolumeFile
	namespace corev1.ObjectFieldSelector
	mode      int32
}

// sharedAccess is in memory once for all pods that nobody changes.
var sharedAccess = APIAccess()

// Share replaces an APIAccess by one that is the same in memory for all, in an object that nobody changes any more.
func Share(v *corev1.VolumeSource) {
	if IsAPIAccess(v) {
		*v = sharedAccess
	}
}

// IsAPIAccess says whether a source is an APIAccess, in which there is nothing to find fault with.
func IsAPIAccess(v *corev1.VolumeSource) bool {
	p := v.Projected
	if p == nil || *v != (corev1.VolumeSource{Projected: p}) || !is(p.DefaultMode, corev1.ProjectedVolumeSourceDefaultMode) || len(p.Sources) != 3 {
		return false
	}
	token, roots, names := p.Sources[0].ServiceAccountToken, p.Sources[1].ConfigMap, p.Sources[2].DownwardAPI
	alone := p.Sources[0] == corev1.VolumeProjection{ServiceAccountToken: token} &&
		p.Sources[1] == corev1.VolumeProjection{ConfigMap: roots} && p.Sources[2] == corev1.VolumeProjection{DownwardAPI: names}
	if !alone || token == nil || roots == nil || names == nil || len(roots.Items) != 1 || len(names.Items) != 1 {
		return false
	}
	namespace := &names.Items[0]
	return token.Path == "token" && token.Audience == "" && is(token.ExpirationSeconds, accessSeconds) &&
		roots.Name == "kube-root-ca.crt" && roots.Optional == nil && roots.Items[0] == corev1.KeyToPath{Key: "ca.crt", Path: "ca.crt"} &&
		namespace.Path == "namespace" && namespace.ResourceFieldRef == nil && namespace.Mode == nil &&
		is(namespace.FieldRef, corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"})
}

func is[T comparable](p *T, value T) bool { return p != nil && *p == value }
