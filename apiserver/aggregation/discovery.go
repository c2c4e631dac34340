package aggregation

import (
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/discovery"
)

// Discovered is what other servers serve. Of those that are not there, it is what they served last.
func (a *Aggregator) Discovered() []discovery.External {
	var all []discovery.External
	for gv, r := range a.all() {
		e := discovery.External{
			Group: gv.Group, GroupPriority: r.spec.GroupPriorityMinimum, VersionPriority: r.spec.VersionPriority,
			Version: apidiscoveryv2.APIVersionDiscovery{Version: gv.Version, Freshness: apidiscoveryv2.DiscoveryFreshnessStale},
		}
		if known := r.discovered.Load(); known != nil {
			e.Version = *known
			if !r.available.Load() {
				e.Version.Freshness = apidiscoveryv2.DiscoveryFreshnessStale
			}
		}
		all = append(all, e)
	}
	return all
}

// fromList turns the older form of discovery into the newer one.
func fromList(gv schema.GroupVersion, list *metav1.APIResourceList) apidiscoveryv2.APIVersionDiscovery {
	out := apidiscoveryv2.APIVersionDiscovery{Version: gv.Version, Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent}
	index := map[string]int{}
	for i := range list.APIResources {
		if from := &list.APIResources[i]; !strings.Contains(from.Name, "/") {
			index[from.Name] = len(out.Resources)
			out.Resources = append(out.Resources, resourceFrom(from))
		}
	}
	for i := range list.APIResources {
		from := &list.APIResources[i]
		name, sub, isSub := strings.Cut(from.Name, "/")
		if !isSub {
			continue
		}
		at, found := index[name]
		if !found {
			at = len(out.Resources)
			index[name] = at
			parent := *from
			parent.Name, parent.Verbs = name, nil
			made := resourceFrom(&parent)
			made.ResponseKind = &metav1.GroupVersionKind{} // which upstream shows, too
			out.Resources = append(out.Resources, made)
		}
		out.Resources[at].Subresources = append(out.Resources[at].Subresources, apidiscoveryv2.APISubresourceDiscovery{
			Subresource: sub, ResponseKind: kindOf(from), Verbs: from.Verbs,
		})
	}
	return out
}

func resourceFrom(from *metav1.APIResource) apidiscoveryv2.APIResourceDiscovery {
	scope := apidiscoveryv2.ScopeCluster
	if from.Namespaced {
		scope = apidiscoveryv2.ScopeNamespace
	}
	return apidiscoveryv2.APIResourceDiscovery{
		Resource: from.Name, ResponseKind: kindOf(from), Scope: scope, SingularResource: from.SingularName,
		Verbs: from.Verbs, ShortNames: from.ShortNames, Categories: from.Categories,
	}
}

// kindOf leaves group and version out where the server does: clients fill in those of the resource.
func kindOf(from *metav1.APIResource) *metav1.GroupVersionKind {
	return &metav1.GroupVersionKind{Group: from.Group, Version: from.Version, Kind: from.Kind}
}
