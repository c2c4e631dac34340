package discovery

import (
	"cmp"
	"slices"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// aggregated is everything below /api or /apis in one document.
func (d *Document) aggregated(root string, accepted codec.Accepted) *Answer {
	list := &apidiscoveryv2.APIGroupDiscoveryList{
		TypeMeta: metav1.TypeMeta{Kind: "APIGroupDiscoveryList", APIVersion: apidiscoveryv2.SchemeGroupVersion.String()},
	}
	names := []string{""}
	if root == "apis" {
		names = d.groupNames()
	}
	for _, name := range names {
		list.Items = append(list.Items, d.aggregatedGroup(name))
	}
	return &Answer{object: list, accepted: accepted, aggregated: true}
}

func (d *Document) aggregatedGroup(name string) apidiscoveryv2.APIGroupDiscovery {
	group := apidiscoveryv2.APIGroupDiscovery{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, v := range d.versionsOf(name) {
		if external := d.external(name, v); external != nil {
			group.Versions = append(group.Versions, *external)
			continue
		}
		discovered := apidiscoveryv2.APIVersionDiscovery{Version: v, Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent}
		for _, row := range d.rows {
			if row.Group == name && row.Version(v) != nil {
				discovered.Resources = append(discovered.Resources, aggregatedResource(row, v))
			}
		}
		group.Versions = append(group.Versions, discovered)
	}
	return group
}

func (d *Document) external(group, version string) *apidiscoveryv2.APIVersionDiscovery {
	for i := range d.External {
		if d.External[i].Group == group && d.External[i].Version.Version == version {
			return &d.External[i].Version
		}
	}
	return nil
}

// responseKind leaves out a group and version that are those of the resource, unless it is a custom one: clients fill them in.
func responseKind(row *resource.Resource, name string, kind schema.GroupVersionKind) metav1.GroupVersionKind {
	if !isCustom(row) && kind.Group == row.Group && kind.Version == name {
		return metav1.GroupVersionKind{Kind: kind.Kind}
	}
	return metav1.GroupVersionKind(kind)
}

func aggregatedResource(row *resource.Resource, name string) apidiscoveryv2.APIResourceDiscovery {
	scope := apidiscoveryv2.ScopeCluster
	if row.Namespaced {
		scope = apidiscoveryv2.ScopeNamespace
	}
	kind := responseKind(row, name, row.GroupVersionKind(name))
	out := apidiscoveryv2.APIResourceDiscovery{
		Resource: row.Name, ResponseKind: &kind, Scope: scope, SingularResource: row.Singular,
		Verbs: verbsOf(row), ShortNames: row.ShortNames, Categories: row.Categories,
	}
	for i := range row.Subresources {
		sub := &row.Subresources[i]
		kind := responseKind(row, name, subresourceKind(row, sub, name))
		out.Subresources = append(out.Subresources, apidiscoveryv2.APISubresourceDiscovery{
			Subresource: sub.Name, ResponseKind: &kind, Verbs: SubresourceVerbs(sub),
		})
	}
	if !isCustom(row) {
		slices.SortFunc(out.Subresources, func(a, b apidiscoveryv2.APISubresourceDiscovery) int {
			return cmp.Compare(a.Subresource, b.Subresource)
		})
	}
	return out
}
