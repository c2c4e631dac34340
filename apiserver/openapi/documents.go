package openapi

import (
	"cmp"
	"context"
	"crypto/sha512"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi/words"
)

// Documents answers requests below /openapi/. It is safe for concurrent use.
type Documents struct {
	version string
	clock   clock.WithDelayedExecution

	mu     sync.Mutex
	groups map[schema.GroupVersion]*Group
	others map[string]*External // by name
	dumps  map[string]*dump     // what was asked for of late, by document and media type
	timer  clock.Timer
	packed func() string // hash of the schemas
}

// Group is what is served in one group version beyond, or in place of, the built-in rows.
type Group struct {
	Rows []*resource.Resource
	// Make makes the schemas that are not built in, by name; Models names the schema of each kind and list kind that has one there.
	Make   func() (map[string]Schema, error)
	Models map[string]string
	// Hash changes whenever the schemas or Models do.
	Hash string
	// Custom groups come from definitions: upstream describes neither their discovery nor the old paths of watching.
	Custom bool
}

// New describes the rows to clients of a server of the version, "1.36".
func New(rows []*resource.Resource, version string) *Documents {
	version = strings.TrimPrefix(version, "v")
	if parts := strings.SplitN(version, ".", 3); len(parts) == 3 {
		version = parts[0] + "." + parts[1]
	}
	d := &Documents{version: version, clock: clock.RealClock{}, groups: map[schema.GroupVersion]*Group{}, dumps: map[string]*dump{},
		packed: sync.OnceValue(func() string { return fmt.Sprintf("%X", sha512.Sum512(packed)) })}
	for _, row := range rows {
		for i := range row.Versions {
			gv := schema.GroupVersion{Group: row.Group, Version: row.Versions[i].Name}
			if d.groups[gv] == nil {
				d.groups[gv] = &Group{}
			}
			d.groups[gv].Rows = append(d.groups[gv].Rows, row)
		}
	}
	return d
}

// Set adds or replaces what is said about a group version; nil removes it.
func (d *Documents) Set(gv schema.GroupVersion, group *Group) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if group == nil {
		delete(d.groups, gv)
	} else {
		d.groups[gv] = group
	}
	clear(d.dumps)
}

// hashes returns the hash of each document of v3 by name, and that of the document of v2.
func (d *Documents) hashes() (v3 map[string]string, v2 string) {
	v3 = map[string]string{}
	for name := range fixed() {
		v3[name] = d.hash(name)
	}
	for _, gv := range d.sorted() {
		group := d.groups[gv]
		words := []string{gv.String(), group.Hash}
		for _, row := range group.Rows {
			words = append(words, row.Name, row.Kind, fmt.Sprint(row.Namespaced), strings.Join(row.Verbs, ","))
			for i := range row.Subresources {
				words = append(words, row.Subresources[i].Name)
			}
		}
		v3[documentName(gv)] = d.hash(words...)
		if gv.Group != "" && !group.Custom {
			v3["apis/"+gv.Group] = d.hash(gv.Group)
		}
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(v3)) {
		all = append(all, name, v3[name])
	}
	for _, name := range slices.Sorted(maps.Keys(d.others)) {
		all = append(all, name, d.others[name].Hash)
	}
	return v3, d.hash(all...)
}

func (d *Documents) hash(words ...string) string {
	return fmt.Sprintf("%X", sha512.Sum512([]byte(strings.Join(append([]string{d.packed(), d.version}, words...), "\x00"))))
}

func (d *Documents) sorted() []schema.GroupVersion {
	return slices.SortedFunc(maps.Keys(d.groups), func(a, b schema.GroupVersion) int {
		return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Version, b.Version))
	})
}

// documentName is the name of a group version's document below /openapi/v3/.
func documentName(gv schema.GroupVersion) string {
	return strings.TrimPrefix(words.Root(gv), "/")
}

// build writes the JSON of one document of v3, or, for the empty name, of v2.
func (d *Documents) build(ctx context.Context, name string) ([]byte, error) {
	schemas, err := Definitions()
	if err != nil {
		return nil, err
	}
	for _, group := range d.groups {
		if group.Make == nil {
			continue
		}
		made, err := group.Make()
		if err != nil {
			return nil, err
		}
		maps.Copy(schemas, made)
	}
	q := &queries{schemas: schemas, known: map[string][]parameter{}}
	if name == "" {
		return documentV2(ctx, d.version, d.everything(q), schemas, d.others)
	}
	if p := fixed()[name]; p != nil {
		return documentV3(d.info(), schema.GroupVersion{}, false, []*path{p}, schemas)
	}
	for _, gv := range d.sorted() {
		switch name {
		case documentName(gv):
			info := d.info()
			if d.groups[gv].Custom {
				info = infoObject{Title: "Kubernetes CRD Swagger", Version: "v0.1.0"}
			}
			return documentV3(info, gv, d.groups[gv].Custom, d.pathsOf(gv, q), schemas)
		case "apis/" + gv.Group:
			return documentV3(d.info(), schema.GroupVersion{}, false, []*path{groupDiscovery(gv.Group)}, schemas)
		}
	}
	return nil, fmt.Errorf("no document %q", name)
}

func (d *Documents) info() infoObject { return infoObject{Title: "Kubernetes", Version: d.version} }

// pathsOf are the paths of a group version.
func (d *Documents) pathsOf(gv schema.GroupVersion, q *queries) []*path {
	group := d.groups[gv]
	var all []*path
	if !group.Custom {
		all = append(all, versionDiscovery(gv))
	}
	for _, row := range group.Rows {
		version := row.Version(gv.Version)
		if version == nil {
			continue
		}
		m := &member{row: row, gv: gv, custom: group.Custom}
		m.idVersion, m.tagVersion = words.Version(gv)
		m.model, m.listModel = group.Models[row.Kind], group.Models[row.ListKind]
		if m.model == "" {
			m.strategic = true
			m.model = ModelName(version.New())
			if version.NewList != nil {
				m.listModel = ModelName(version.NewList())
			}
		}
		all = append(all, m.paths(q)...)
	}
	return all
}

func (d *Documents) everything(q *queries) []*path {
	var all []*path
	for _, p := range fixed() {
		all = append(all, p)
	}
	group := ""
	for _, gv := range d.sorted() {
		if gv.Group != group {
			if group = gv.Group; !d.groups[gv].Custom {
				all = append(all, groupDiscovery(group))
			}
		}
		all = append(all, d.pathsOf(gv, q)...)
	}
	return all
}
