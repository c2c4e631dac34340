package podref

import (
	corev1 "k8s.io/api/core/v1"
)

// Visitor is called once per reference, with the name of an object in the pod's namespace. Nil functions
// are left out.
type Visitor struct {
	Secret    func(name string)
	ConfigMap func(name string)
	Claim     func(name string) // PersistentVolumeClaim, those of ephemeral volumes among them
	Token     func(projection *corev1.ServiceAccountTokenProjection)
}

// Visit walks over all references of the pod.
func Visit(pod *corev1.Pod, v Visitor) {
	v = v.complete()
	for _, pull := range pod.Spec.ImagePullSecrets {
		v.Secret(pull.Name)
	}
	for _, c := range pod.Spec.InitContainers {
		v.environment(c.Env, c.EnvFrom)
	}
	for _, c := range pod.Spec.Containers {
		v.environment(c.Env, c.EnvFrom)
	}
	for _, c := range pod.Spec.EphemeralContainers {
		v.environment(c.Env, c.EnvFrom)
	}
	for i := range pod.Spec.Volumes {
		v.volume(pod, &pod.Spec.Volumes[i])
	}
}

func (v Visitor) complete() Visitor {
	ignore := func(string) {}
	if v.Secret == nil {
		v.Secret = ignore
	}
	if v.ConfigMap == nil {
		v.ConfigMap = ignore
	}
	if v.Claim == nil {
		v.Claim = ignore
	}
	if v.Token == nil {
		v.Token = func(*corev1.ServiceAccountTokenProjection) {}
	}
	named := func(visit func(string)) func(string) {
		return func(name string) {
			if name != "" {
				visit(name)
			}
		}
	}
	v.Secret, v.ConfigMap, v.Claim = named(v.Secret), named(v.ConfigMap), named(v.Claim)
	return v
}

func (v Visitor) environment(env []corev1.EnvVar, from []corev1.EnvFromSource) {
	for _, source := range from {
		if source.SecretRef != nil {
			v.Secret(source.SecretRef.Name)
		}
		if source.ConfigMapRef != nil {
			v.ConfigMap(source.ConfigMapRef.Name)
		}
	}
	for _, variable := range env {
		if variable.ValueFrom == nil {
			continue
		}
		if variable.ValueFrom.SecretKeyRef != nil {
			v.Secret(variable.ValueFrom.SecretKeyRef.Name)
		}
		if variable.ValueFrom.ConfigMapKeyRef != nil {
			v.ConfigMap(variable.ValueFrom.ConfigMapKeyRef.Name)
		}
	}
}

func (v Visitor) volume(pod *corev1.Pod, volume *corev1.Volume) {
	switch {
	case volume.Secret != nil:
		v.Secret(volume.Secret.SecretName)
	case volume.ConfigMap != nil:
		v.ConfigMap(volume.ConfigMap.Name)
	case volume.PersistentVolumeClaim != nil:
		v.Claim(volume.PersistentVolumeClaim.ClaimName)
	case volume.Ephemeral != nil:
		v.Claim(pod.Name + "-" + volume.Name)
	case volume.Projected != nil:
		v.projected(volume.Projected)
	default:
		v.driverSecret(volume)
	}
}

func (v Visitor) projected(volume *corev1.ProjectedVolumeSource) {
	for i := range volume.Sources {
		source := &volume.Sources[i]
		if source.Secret != nil {
			v.Secret(source.Secret.Name)
		}
		if source.ConfigMap != nil {
			v.ConfigMap(source.ConfigMap.Name)
		}
		if source.ServiceAccountToken != nil {
			v.Token(source.ServiceAccountToken)
		}
	}
}

// driverSecret knows the volumes whose drivers log in with a secret.
func (v Visitor) driverSecret(volume *corev1.Volume) {
	local := func(ref *corev1.LocalObjectReference) {
		if ref != nil {
			v.Secret(ref.Name)
		}
	}
	switch {
	case volume.AzureFile != nil:
		v.Secret(volume.AzureFile.SecretName)
	case volume.CephFS != nil:
		local(volume.CephFS.SecretRef)
	case volume.Cinder != nil:
		local(volume.Cinder.SecretRef)
	case volume.FlexVolume != nil:
		local(volume.FlexVolume.SecretRef)
	case volume.RBD != nil:
		local(volume.RBD.SecretRef)
	case volume.ScaleIO != nil:
		local(volume.ScaleIO.SecretRef)
	case volume.ISCSI != nil:
		local(volume.ISCSI.SecretRef)
	case volume.StorageOS != nil:
		local(volume.StorageOS.SecretRef)
	case volume.CSI != nil:
		local(volume.CSI.NodePublishSecretRef)
	}
}
