package security

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// forbidden lists what may not be set, and says for which pods.
type forbidden struct {
	detail string
	errs   field.ErrorList
}

func (f *forbidden) unless(absent bool, path *field.Path) {
	if !absent {
		f.errs = append(f.errs, field.Forbidden(path, f.detail))
	}
}

// ValidateLinux refuses what only Windows knows.
func ValidateLinux(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	f := &forbidden{detail: "windows options cannot be set for a linux pod"}
	if sc := spec.SecurityContext; sc != nil {
		f.unless(sc.WindowsOptions == nil, path.Child("securityContext", "windowsOptions"))
	}
	eachSecurityContext(spec, path, func(sc *corev1.SecurityContext, at *field.Path) {
		f.unless(sc.WindowsOptions == nil, at.Child("windowsOptions"))
	})
	return f.errs
}

// ValidateWindows refuses what only Linux knows.
func ValidateWindows(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	f := &forbidden{detail: "cannot be set for a windows pod"}
	f.unless(spec.HostUsers == nil, path.Child("hostUsers"))
	f.unless(!spec.HostPID, path.Child("hostPID"))
	f.unless(!spec.HostIPC, path.Child("hostIPC"))
	f.unless(spec.ShareProcessNamespace == nil, path.Child("shareProcessNamespace"))
	f.unless(spec.Resources == nil, path.Child("resources"))
	if sc, at := spec.SecurityContext, path.Child("securityContext"); sc != nil {
		f.unless(sc.AppArmorProfile == nil, at.Child("appArmorProfile"))
		f.unless(sc.SELinuxOptions == nil, at.Child("seLinuxOptions"))
		f.unless(sc.SeccompProfile == nil, at.Child("seccompProfile"))
		f.unless(sc.FSGroup == nil, at.Child("fsGroup"))
		f.unless(sc.FSGroupChangePolicy == nil, at.Child("fsGroupChangePolicy"))
		f.unless(len(sc.Sysctls) == 0, at.Child("sysctls"))
		f.unless(sc.RunAsUser == nil, at.Child("runAsUser"))
		f.unless(sc.RunAsGroup == nil, at.Child("runAsGroup"))
		f.unless(len(sc.SupplementalGroups) == 0, at.Child("supplementalGroups"))
		f.unless(sc.SupplementalGroupsPolicy == nil, at.Child("supplementalGroupsPolicy"))
	}
	eachSecurityContext(spec, path, func(sc *corev1.SecurityContext, at *field.Path) {
		f.unless(sc.AppArmorProfile == nil, at.Child("appArmorProfile"))
		f.unless(sc.SELinuxOptions == nil, at.Child("seLinuxOptions"))
		f.unless(sc.SeccompProfile == nil, at.Child("seccompProfile"))
		f.unless(sc.Capabilities == nil, at.Child("capabilities"))
		f.unless(sc.ReadOnlyRootFilesystem == nil, at.Child("readOnlyRootFilesystem"))
		f.unless(sc.Privileged == nil, at.Child("privileged"))
		f.unless(sc.AllowPrivilegeEscalation == nil, at.Child("allowPrivilegeEscalation"))
		f.unless(sc.ProcMount == nil, at.Child("procMount"))
		f.unless(sc.RunAsUser == nil, at.Child("runAsUser"))
		f.unless(sc.RunAsGroup == nil, at.Child("runAsGroup"))
	})
	return f.errs
}

func eachSecurityContext(spec *corev1.PodSpec, path *field.Path, visit func(*corev1.SecurityContext, *field.Path)) {
	for i := range spec.InitContainers {
		if sc := spec.InitContainers[i].SecurityContext; sc != nil {
			visit(sc, path.Child("initContainers").Index(i).Child("securityContext"))
		}
	}
	for i := range spec.Containers {
		if sc := spec.Containers[i].SecurityContext; sc != nil {
			visit(sc, path.Child("containers").Index(i).Child("securityContext"))
		}
	}
	for i := range spec.EphemeralContainers {
		if sc := spec.EphemeralContainers[i].SecurityContext; sc != nil {
			visit(sc, path.Child("ephemeralContainers").Index(i).Child("securityContext"))
		}
	}
}
