package foundation

import (
	"slices"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/rules"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// BuiltIn are the kinds that all control planes serve. Those of this process share them, for nobody changes them.
func BuiltIn() []*resource.Resource { return builtIn() }

// builtIn has definitions checked by what is not linked into apis.
var builtIn = sync.OnceValue(func() []*resource.Resource {
	rows := apis.All()
	rules.Complete(resource.Find(rows, apiextensions.GroupName, "customresourcedefinitions"))
	return rows
})

// Rows are the kinds that all control planes serve, and those that this one is asked for.
func Rows(o *options.Options) []*resource.Resource {
	if !Migrates(o) {
		return BuiltIn()
	}
	return slices.Concat(BuiltIn(), apis.OnRequest())
}
