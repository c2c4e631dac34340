package podsecurity

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
)

// Name of the plugin.
const Name = "PodSecurity"

const group = "pod-security.admission.config.k8s.io"

// config is a PodSecurityConfiguration.
type config struct {
	Defaults struct {
		Enforce        string `json:"enforce"`
		EnforceVersion string `json:"enforce-version"`
		Audit          string `json:"audit"`
		AuditVersion   string `json:"audit-version"`
		Warn           string `json:"warn"`
		WarnVersion    string `json:"warn-version"`
	} `json:"defaults"`
	Exemptions exemptions `json:"exemptions"`
}

// exemptions say whom the standards are not for.
type exemptions struct {
	Usernames      []string `json:"usernames"`
	Namespaces     []string `json:"namespaces"`
	RuntimeClasses []string `json:"runtimeClasses"`
}

// configure reads what holds for namespaces without labels, and who is exempt.
func (p *Plugin) configure(from *configuration.File) error {
	c := config{}
	if _, err := from.Decode(Name, configuration.Type{Kind: "PodSecurityConfiguration", Versions: []string{group + "/v1", group + "/v1beta1", group + "/v1alpha1"}}, &c); err != nil {
		return err
	}
	var wrong []error
	read := func(mode, level, version string) api.LevelVersion {
		l, err := api.ParseLevel(cmp.Or(level, string(api.LevelPrivileged)))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("defaults.%s: %w", mode, err))
		}
		v, err := api.ParseVersion(cmp.Or(version, api.VersionLatest))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("defaults.%s-version: %w", mode, err))
		}
		return api.LevelVersion{Level: l, Version: v}
	}
	d := &c.Defaults
	p.defaults = api.Policy{
		Enforce: read("enforce", d.Enforce, d.EnforceVersion), Audit: read("audit", d.Audit, d.AuditVersion), Warn: read("warn", d.Warn, d.WarnVersion),
	}
	p.exempt = c.Exemptions
	if len(wrong) > 0 {
		return fmt.Errorf("reading the configuration of the plugin %s: %w", Name, errors.Join(wrong...))
	}
	return nil
}

// exempts says why the standards are not for a pod, or for what makes pods: "" where they are.
func (e *exemptions) exempts(a *admission.Attributes, spec *corev1.PodSpec) string {
	switch {
	case slices.Contains(e.Namespaces, a.Namespace):
		return "namespace"
	case a.User != nil && slices.Contains(e.Usernames, a.User.GetName()):
		return "user"
	case spec.RuntimeClassName != nil && slices.Contains(e.RuntimeClasses, *spec.RuntimeClassName):
		return "runtimeClass"
	}
	return ""
}

// Annotations of the audit log.
const (
	exemptAnnotation     = "pod-security.kubernetes.io/exempt"
	enforceAnnotation    = "pod-security.kubernetes.io/enforce-policy"
	violationsAnnotation = "pod-security.kubernetes.io/audit-violations"
)

// told is what the warning of an exempt namespace says of its labels.
func told(p api.Policy) string {
	text := "enforce=" + p.Enforce.String()
	if api.CompareLevels(p.Enforce.Level, p.Audit.Level) < 0 {
		text += ", audit=" + p.Audit.String()
	}
	if api.CompareLevels(p.Enforce.Level, p.Warn.Level) < 0 {
		text += ", warn=" + p.Warn.String()
	}
	return text
}
