package resourcequota

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
)

// Name of the plugin.
const Name = "ResourceQuota"

// Limited is what cannot be had without a quota for it.
type Limited struct {
	APIGroup string `json:"apiGroup"`
	Resource string `json:"resource"`
	// MatchContains are parts of the names of what quotas count.
	MatchContains []string `json:"matchContains"`
	// MatchScopes say which objects are meant; a quota must have the same scope.
	MatchScopes []corev1.ScopedResourceSelectorRequirement `json:"matchScopes"`
}

// Configured returns what the configuration of admission limits.
func Configured(from *configuration.File) ([]Limited, error) {
	var config struct {
		LimitedResources []Limited `json:"limitedResources"`
	}
	of := configuration.Type{Kind: "ResourceQuotaConfiguration", Versions: []string{
		"apiserver.config.k8s.io/v1", "resourcequota.admission.k8s.io/v1", "resourcequota.admission.k8s.io/v1beta1", "resourcequota.admission.k8s.io/v1alpha1",
	}}
	_, err := from.Decode(Name, of, &config)
	return config.LimitedResources, err
}

// unlimited refuses what is limited, and for which none of the quotas that the object falls under is there.
func (p *Plugin) unlimited(a *admission.Attributes, delta corev1.ResourceList, quotas []*corev1.ResourceQuota) error {
	var missing []string
	var open []corev1.ScopedResourceSelectorRequirement
	for i := range p.Limited {
		l := &p.Limited[i]
		if l.Resource != a.Resource.Name || l.APIGroup != a.Resource.Group {
			continue
		}
		for name := range delta {
			contains := func(part string) bool { return strings.Contains(string(name), part) }
			counted := func(q *corev1.ResourceQuota) bool { _, ok := q.Status.Hard[name]; return ok && inScope(q, a) }
			if slices.ContainsFunc(l.MatchContains, contains) && !slices.ContainsFunc(quotas, counted) {
				missing = append(missing, string(name))
			}
		}
		open = append(open, l.uncovered(a, quotas)...)
	}
	if len(open) > 0 {
		return admission.Failed(fmt.Errorf("insufficient quota to match these scopes: %v", open))
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return admission.Forbidden(a, fmt.Errorf("insufficient quota to consume: %s", strings.Join(slices.Compact(missing), ",")))
	}
	return nil
}

// uncovered are the scopes that the object is in, and no quota of its has.
func (l *Limited) uncovered(a *admission.Attributes, quotas []*corev1.ResourceQuota) []corev1.ScopedResourceSelectorRequirement {
	var open []corev1.ScopedResourceSelectorRequirement
	for _, scope := range l.MatchScopes {
		same := func(r corev1.ScopedResourceSelectorRequirement) bool { return r.ScopeName == scope.ScopeName }
		covers := func(q *corev1.ResourceQuota) bool { return slices.ContainsFunc(scopesOf(q), same) && inScope(q, a) }
		if objectInScope(a.Object, scope) && !slices.ContainsFunc(quotas, covers) {
			open = append(open, scope)
		}
	}
	return open
}
