package extensions

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/custom"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
)

// published is what a definition adds to the description of one group version.
type published struct {
	version *custom.Version
	row     *resource.Resource
	hash    string
}

// publish describes what a definition serves, in place of what it served before.
func (e *Extensions) publish(before, after *apiextensionsv1.CustomResourceDefinition, versions []*custom.Version, rows []*resource.Resource) {
	if e.OpenAPI == nil {
		return
	}
	touched := map[schema.GroupVersion]bool{}
	if before != nil {
		for gv, members := range e.described {
			if members[before.Name] != nil {
				delete(members, before.Name)
				touched[gv] = true
			}
		}
	}
	for i, version := range versions {
		gv := version.GroupVersion()
		if e.described[gv] == nil {
			e.described[gv] = map[string]*published{}
		}
		e.described[gv][after.Name] = &published{version: version, row: rows[i], hash: string(after.UID) + "/" + after.ResourceVersion}
		touched[gv] = true
	}
	for gv := range touched {
		e.OpenAPI.Set(gv, e.groupOf(gv))
	}
}

// groupOf describes all that definitions add to a group version; nil for nothing.
func (e *Extensions) groupOf(gv schema.GroupVersion) *openapi.Group {
	members := slices.SortedFunc(maps.Values(e.described[gv]), func(a, b *published) int { return cmp.Compare(a.row.Name, b.row.Name) })
	if len(members) == 0 {
		delete(e.described, gv)
		return nil
	}
	group := &openapi.Group{Models: map[string]string{}, Custom: true}
	var hashes []string
	for _, member := range members {
		group.Rows = append(group.Rows, member.row)
		maps.Copy(group.Models, member.version.Models())
		hashes = append(hashes, member.hash)
	}
	group.Hash = strings.Join(hashes, " ")
	group.Make = func() (map[string]openapi.Schema, error) {
		all := map[string]openapi.Schema{}
		for _, member := range members {
			made, err := member.version.Published()
			if err != nil {
				return nil, err
			}
			maps.Copy(all, made)
		}
		return all, nil
	}
	return group
}
