package security

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

const (
	sysctlPattern   = `^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`
	sysctlMaxLength = 253
)

// ValidatePod checks the security context of the pod as a whole. The path is that of the specification.
func ValidatePod(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	sc := spec.SecurityContext
	if sc == nil || reflect.ValueOf(sc).Elem().IsZero() { // as in nearly every pod
		return nil
	}
	path = path.Child("securityContext")
	var errs field.ErrorList
	errs = append(errs, validateID(sc.RunAsUser, path.Child("runAsUser"))...)
	errs = append(errs, validateID(sc.RunAsGroup, path.Child("runAsGroup"))...)
	errs = append(errs, validateID(sc.FSGroup, path.Child("fsGroup"))...)
	for i := range sc.SupplementalGroups {
		errs = append(errs, validateID(&sc.SupplementalGroups[i], path.Child("supplementalGroups").Index(i))...)
	}
	if policy := sc.FSGroupChangePolicy; policy != nil {
		errs = append(errs, check.OneOf(path.Child("fsGroupChangePolicy"), *policy, corev1.FSGroupChangeAlways, corev1.FSGroupChangeOnRootMismatch)...)
	}
	if policy := sc.SupplementalGroupsPolicy; policy != nil {
		errs = append(errs, check.OneOf(path.Child("supplementalGroupsPolicy"), *policy, corev1.SupplementalGroupsPolicyMerge, corev1.SupplementalGroupsPolicyStrict)...)
	}
	if policy := sc.SELinuxChangePolicy; policy != nil {
		errs = append(errs, check.OneOf(path.Child("seLinuxChangePolicy"), *policy, corev1.SELinuxChangePolicyRecursive)...)
	}
	errs = append(errs, validateSysctls(spec, path.Child("sysctls"))...)
	errs = append(errs, validateSeccomp(sc.SeccompProfile, path.Child("seccompProfile"))...)
	errs = append(errs, validateAppArmor(sc.AppArmorProfile, path.Child("appArmorProfile"))...)
	return append(errs, validateWindowsOptions(sc.WindowsOptions, path.Child("windowsOptions"))...)
}

func validateID(id *int64, path *field.Path) field.ErrorList {
	if id == nil {
		return nil
	}
	return check.Messages(path, *id, validation.IsValidUserID(*id))
}

func validateSysctls(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	if len(spec.SecurityContext.Sysctls) == 0 {
		return nil // compiling the pattern costs more than all other checks
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	pattern := regexp.MustCompile(sysctlPattern)
	for i, sysctl := range spec.SecurityContext.Sysctls {
		at := path.Index(i).Child("name")
		switch {
		case sysctl.Name == "":
			errs = append(errs, field.Required(at, ""))
		case len(sysctl.Name) > sysctlMaxLength || !pattern.MatchString(sysctl.Name):
			errs = append(errs, field.Invalid(at, sysctl.Name, "must have at most 253 characters and match regex "+sysctlPattern))
		case seen.Has(sysctl.Name):
			errs = append(errs, field.Duplicate(at, sysctl.Name))
		}
		seen.Insert(sysctl.Name)
		errs = append(errs, validateSysctlNamespace(spec, sysctl.Name, at)...)
	}
	return errs
}

// validateSysctlNamespace refuses those that would be the node's because the pod shares that part with it.
func validateSysctlNamespace(spec *corev1.PodSpec, name string, path *field.Path) field.ErrorList {
	dotted := strings.ReplaceAll(name, "/", ".")
	switch {
	case spec.HostNetwork && strings.HasPrefix(dotted, "net."):
		return field.ErrorList{field.Invalid(path, name, "may not be specified when 'hostNetwork' is true")}
	case spec.HostIPC && (strings.HasPrefix(dotted, "kernel.shm") || strings.HasPrefix(dotted, "kernel.msg") || strings.HasPrefix(dotted, "fs.mqueue.") || dotted == "kernel.sem"):
		return field.ErrorList{field.Invalid(path, name, "may not be specified when 'hostIPC' is true")}
	}
	return nil
}

// profileText is how a seccomp profile is printed when it is wrong.
type profileText struct {
	Type             corev1.SeccompProfileType
	LocalhostProfile *string
}

func validateSeccomp(profile *corev1.SeccompProfile, path *field.Path) field.ErrorList {
	if profile == nil {
		return nil
	}
	at := path.Child("localhostProfile")
	switch profile.Type {
	case "":
		return field.ErrorList{field.Required(path.Child("type"), "type is required when seccompProfile is set")}
	case corev1.SeccompProfileTypeLocalhost:
		if profile.LocalhostProfile == nil {
			return field.ErrorList{field.Required(at, "must be set when seccomp type is Localhost")}
		}
		return check.LocalPath(at, *profile.LocalhostProfile)
	case corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined:
		if profile.LocalhostProfile != nil {
			return field.ErrorList{field.Invalid(at, profileText(*profile), "can only be set when seccomp type is Localhost")}
		}
		return nil
	}
	return check.OneOf(path.Child("type"), profile.Type, corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined)
}

func validateAppArmor(profile *corev1.AppArmorProfile, path *field.Path) field.ErrorList {
	if profile == nil {
		return nil
	}
	at := path.Child("localhostProfile")
	switch profile.Type {
	case "":
		return field.ErrorList{field.Required(path.Child("type"), "type is required when appArmorProfile is set")}
	case corev1.AppArmorProfileTypeLocalhost:
		return validateAppArmorLocalhost(profile, at)
	case corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined:
		if profile.LocalhostProfile != nil {
			return field.ErrorList{field.Invalid(at, *profile.LocalhostProfile, "can only be set when AppArmor type is Localhost")}
		}
		return nil
	}
	return check.OneOf(path.Child("type"), profile.Type, corev1.AppArmorProfileTypeLocalhost, corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined)
}

func validateAppArmorLocalhost(profile *corev1.AppArmorProfile, path *field.Path) field.ErrorList {
	if profile.LocalhostProfile == nil {
		return field.ErrorList{field.Required(path, "must be set when AppArmor type is Localhost")}
	}
	name := strings.TrimSpace(*profile.LocalhostProfile)
	var errs field.ErrorList
	if name != *profile.LocalhostProfile {
		errs = append(errs, field.Invalid(path, *profile.LocalhostProfile, "must not be padded with whitespace"))
	} else if name == "" {
		errs = append(errs, field.Required(path, "must be set when AppArmor type is Localhost"))
	}
	const longest = 4095
	if len(*profile.LocalhostProfile) > longest {
		errs = append(errs, field.TooLong(path, *profile.LocalhostProfile, longest))
	}
	return errs
}

func validateWindowsOptions(options *corev1.WindowsSecurityContextOptions, path *field.Path) field.ErrorList {
	if options == nil {
		return nil
	}
	var errs field.ErrorList
	if name := options.GMSACredentialSpecName; name != nil {
		errs = append(errs, check.Subdomain(path.Child("gmsaCredentialSpecName"), *name)...)
	}
	if spec := options.GMSACredentialSpec; spec != nil && *spec == "" {
		errs = append(errs, field.Invalid(path.Child("gmsaCredentialSpec"), *spec, "gmsaCredentialSpec cannot be an empty string"))
	}
	if user := options.RunAsUserName; user != nil && *user == "" {
		errs = append(errs, field.Invalid(path.Child("runAsUserName"), *user, "runAsUserName cannot be an empty string"))
	}
	return errs
}

// contextText is how a security context is printed when it contradicts itself.
type contextText struct {
	Capabilities             *corev1.Capabilities
	Privileged               *bool
	SELinuxOptions           *corev1.SELinuxOptions
	WindowsOptions           *corev1.WindowsSecurityContextOptions
	RunAsUser                *int64
	RunAsGroup               *int64
	RunAsNonRoot             *bool
	ReadOnlyRootFilesystem   *bool
	AllowPrivilegeEscalation *bool
	ProcMount                *corev1.ProcMountType
	SeccompProfile           *profileText
	AppArmorProfile          *appArmorText
}

type appArmorText struct {
	Type             corev1.AppArmorProfileType
	LocalhostProfile *string
}

func textOf(sc *corev1.SecurityContext) contextText {
	return contextText{
		Capabilities: sc.Capabilities, Privileged: sc.Privileged, SELinuxOptions: sc.SELinuxOptions, WindowsOptions: sc.WindowsOptions,
		RunAsUser: sc.RunAsUser, RunAsGroup: sc.RunAsGroup, RunAsNonRoot: sc.RunAsNonRoot, ReadOnlyRootFilesystem: sc.ReadOnlyRootFilesystem,
		AllowPrivilegeEscalation: sc.AllowPrivilegeEscalation, ProcMount: sc.ProcMount,
		SeccompProfile: (*profileText)(sc.SeccompProfile), AppArmorProfile: (*appArmorText)(sc.AppArmorProfile),
	}
}

// ValidateContainer checks the security context of one container of a pod.
func ValidateContainer(sc *corev1.SecurityContext, spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	if sc == nil {
		return nil
	}
	errs := validateID(sc.RunAsUser, path.Child("runAsUser"))
	errs = append(errs, validateID(sc.RunAsGroup, path.Child("runAsGroup"))...)
	if mount := sc.ProcMount; mount != nil {
		errs = append(errs, check.OneOf(path.Child("procMount"), *mount, corev1.DefaultProcMount, corev1.UnmaskedProcMount)...)
		if *mount == corev1.UnmaskedProcMount && ptr.Deref(spec.HostUsers, true) {
			errs = append(errs, field.Invalid(path.Child("procMount"), *mount, "`hostUsers` must be false to use `Unmasked`"))
		}
	}
	errs = append(errs, validateSeccomp(sc.SeccompProfile, path.Child("seccompProfile"))...)
	if !ptr.Deref(sc.AllowPrivilegeEscalation, true) {
		if ptr.Deref(sc.Privileged, false) {
			errs = append(errs, field.Invalid(path, textOf(sc), "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
		}
		if sc.Capabilities != nil && slices.Contains(sc.Capabilities.Add, "CAP_SYS_ADMIN") {
			errs = append(errs, field.Invalid(path, textOf(sc), "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
		}
	}
	errs = append(errs, validateWindowsOptions(sc.WindowsOptions, path.Child("windowsOptions"))...)
	return append(errs, validateAppArmor(sc.AppArmorProfile, path.Child("appArmorProfile"))...)
}
