package discovery

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// Document is what there is to be discovered.
type Document struct {
	rows []*resource.Resource
	// External group versions are served by others.
	External []External
	// CBOR is among the forms in which the resources of a group version are told. The other documents have no such form.
	CBOR bool
}

// External is a group version that another server answers for.
type External struct {
	Group                          string
	GroupPriority, VersionPriority int32
	Version                        apidiscoveryv2.APIVersionDiscovery
}

// New makes the document of some rows.
func New(rows []*resource.Resource) *Document { return &Document{rows: rows} }

// Answer returns what to answer on a path, or false where there is nothing.
func (d *Document) Answer(path string, r *http.Request) (*Answer, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) == 1 {
		accepted, ok := codec.Negotiate(r.Header.Get("Accept"), func(a codec.Accepted) bool {
			return a.As == "" || a.As == "APIGroupDiscoveryList" && a.AsGroup == apidiscoveryv2.GroupName && a.AsVersion == "v2"
		})
		if !ok {
			_, known := codec.Negotiate(r.Header.Get("Accept"), func(codec.Accepted) bool { return true })
			return notAcceptable(codec.Supported(), parts[0] == "api" && !known), true
		}
		if accepted.As != "" {
			return d.aggregated(parts[0], accepted), true
		}
		found, ok := d.plain(path, parts, r)
		if ok {
			found.accepted = accepted
		}
		return found, ok
	}
	found, ok := d.plain(path, parts, r)
	if !ok {
		return nil, false
	}
	// A group has no such form, nor have group versions that definitions make; their refusals are in the words of an encoder.
	plain := parts[0] == "apis" && (len(parts) == 2 || isCustomGroup(parts[1]))
	negotiate, supported := codec.Negotiate, codec.Supported()
	if d.CBOR && !plain {
		negotiate, supported = codec.NegotiateWithCBOR, codec.SupportedWithCBOR()
	}
	var accepted bool
	if found.accepted, accepted = negotiate(r.Header.Get("Accept"), nil); !accepted {
		_, known := negotiate(r.Header.Get("Accept"), func(codec.Accepted) bool { return true })
		return notAcceptable(supported, !known && !plain), true
	}
	return found, true
}

// plain is the document of a path that is not aggregated.
func (d *Document) plain(path string, parts []string, r *http.Request) (*Answer, bool) {
	switch {
	case path == "/api":
		return legacy(d.versions(r)), true
	case path == "/apis":
		return legacy(&metav1.APIGroupList{TypeMeta: typeMeta("APIGroupList"), Groups: d.groups()}), true
	case parts[0] == "api" && len(parts) == 2:
		return d.resources("", parts[1])
	case parts[0] == "apis" && len(parts) == 2:
		return d.group(parts[1])
	case parts[0] == "apis" && len(parts) == 3:
		return d.resources(parts[1], parts[2])
	}
	return nil, false
}

func typeMeta(kind string) metav1.TypeMeta { return metav1.TypeMeta{Kind: kind, APIVersion: "v1"} }

func legacy(obj runtime.Object) *Answer { return &Answer{object: obj} }

func (d *Document) versions(r *http.Request) *metav1.APIVersions {
	return &metav1.APIVersions{
		TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"},
		ServerAddressByClientCIDRs: []metav1.ServerAddressByClientCIDR{{ClientCIDR: "0.0.0.0/0", ServerAddress: r.Host}},
	}
}

// groupNames by their priorities, those of one priority by name; that of core is left out.
func (d *Document) groupNames() []string {
	priorities := map[string]int32{}
	var names []string
	add := func(name string, priority int32) {
		if _, known := priorities[name]; !known && name != "" {
			names = append(names, name)
		}
		priorities[name] = max(priorities[name], priority)
	}
	for _, row := range d.rows {
		priority, _ := Priority(schema.GroupVersion{Group: row.Group})
		add(row.Group, priority)
	}
	builtIn := len(names)
	for i := range d.External {
		add(d.External[i].Group, d.External[i].GroupPriority)
	}
	slices.SortFunc(names[builtIn:], strings.Compare)
	slices.SortStableFunc(names, func(a, b string) int {
		if priorities[a] == customGroupPriority && priorities[b] == customGroupPriority {
			return strings.Compare(a, b)
		}
		return cmp.Compare(priorities[b], priorities[a])
	})
	return names
}

// versionsOf a group, the preferred one first.
func (d *Document) versionsOf(group string) []string {
	priorities := map[string]int32{}
	var names []string
	add := func(name string, priority int32) {
		if _, known := priorities[name]; !known {
			names = append(names, name)
		}
		priorities[name] = priority
	}
	for _, row := range d.rows {
		if row.Group != group {
			continue
		}
		for _, v := range row.Versions {
			_, priority := Priority(schema.GroupVersion{Group: group, Version: v.Name})
			add(v.Name, priority)
		}
	}
	for i := range d.External {
		if d.External[i].Group == group {
			add(d.External[i].Version.Version, d.External[i].VersionPriority)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(priorities[b], priorities[a]), -version.CompareKubeAwareVersionStrings(a, b))
	})
	return names
}

func (d *Document) groups() []metav1.APIGroup {
	groups := []metav1.APIGroup{}
	for _, name := range d.groupNames() {
		groups = append(groups, d.groupOf(name))
	}
	return groups
}

func (d *Document) groupOf(name string) metav1.APIGroup {
	group := metav1.APIGroup{Name: name}
	for _, v := range d.versionsOf(name) {
		group.Versions = append(group.Versions, metav1.GroupVersionForDiscovery{GroupVersion: name + "/" + v, Version: v})
	}
	group.PreferredVersion = group.Versions[0]
	return group
}

func (d *Document) group(name string) (*Answer, bool) {
	for _, group := range d.groups() {
		if group.Name == name {
			group.TypeMeta = typeMeta("APIGroup")
			return legacy(&group), true
		}
	}
	return nil, false
}

func (d *Document) resources(group, name string) (*Answer, bool) {
	list := &metav1.APIResourceList{TypeMeta: typeMeta("APIResourceList"), GroupVersion: schema.GroupVersion{Group: group, Version: name}.String()}
	for _, row := range d.rows {
		if row.Group != group || row.Version(name) == nil {
			continue
		}
		list.APIResources = append(list.APIResources, resourcesOf(row, name)...)
	}
	if len(list.APIResources) == 0 {
		return nil, false
	}
	if group == "" {
		list.APIVersion = ""
	}
	priority, _ := Priority(schema.GroupVersion{Group: group})
	slices.SortFunc(list.APIResources, func(a, b metav1.APIResource) int {
		if priority == customGroupPriority && isBelow(a, b) { // status comes before scale below a custom resource
			return cmp.Compare(b.Name, a.Name)
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return legacy(list), true
}

// resourcesOf a row: itself and its subresources.
func resourcesOf(row *resource.Resource, name string) []metav1.APIResource {
	main := metav1.APIResource{
		Name: row.Name, SingularName: row.Singular, Namespaced: row.Namespaced, Kind: row.Kind,
		Verbs: verbsOf(row), ShortNames: row.ShortNames, Categories: row.Categories,
	}
	if !row.Virtual {
		main.StorageVersionHash = storageHash(row)
	}
	all := []metav1.APIResource{main}
	for i := range row.Subresources {
		sub := &row.Subresources[i]
		kind := subresourceKind(row, sub, name)
		entry := metav1.APIResource{Name: row.Name + "/" + sub.Name, Namespaced: row.Namespaced, Kind: kind.Kind, Verbs: SubresourceVerbs(sub)}
		if kind.Group != row.Group || kind.Version != name {
			entry.Group, entry.Version = kind.Group, kind.Version
		}
		all = append(all, entry)
	}
	return all
}

func subresourceKind(row *resource.Resource, sub *resource.Subresource, name string) schema.GroupVersionKind {
	if sub.GroupVersionKind.Empty() {
		return row.GroupVersionKind(name)
	}
	kind := sub.GroupVersionKind
	if kind.Version == "" {
		kind.Group, kind.Version = row.Group, name
	}
	return kind
}

// isCustom says whether a row comes from a definition.
func isCustom(row *resource.Resource) bool { return isCustomGroup(row.Group) }

// isCustomGroup says whether a group is one of definitions.
func isCustomGroup(group string) bool {
	priority, _ := Priority(schema.GroupVersion{Group: group})
	return priority == customGroupPriority
}

// isBelow says whether both are subresources of one resource.
func isBelow(a, b metav1.APIResource) bool {
	first, _, _ := strings.Cut(a.Name, "/")
	second, _, both := strings.Cut(b.Name, "/")
	return both && first == second && strings.Contains(a.Name, "/")
}

// verbsOf are the verbs that a row serves, sorted; those of a custom resource in an order of their own.
func verbsOf(row *resource.Resource) []string {
	if row.Verbs == nil && isCustom(row) {
		return []string{"delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"}
	}
	if row.Verbs == nil {
		return []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
	}
	verbs := slices.Clone(row.Verbs)
	slices.Sort(verbs)
	return verbs
}

// SubresourceVerbs are the verbs that a subresource serves, sorted.
func SubresourceVerbs(sub *resource.Subresource) []string {
	if sub.Verbs == nil {
		if sub.Action {
			return []string{"create"}
		}
		return []string{"get", "patch", "update"}
	}
	verbs := slices.Clone(sub.Verbs)
	slices.Sort(verbs)
	return verbs
}
