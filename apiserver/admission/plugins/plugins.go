package plugins

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/namespacelifecycle"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/serviceaccount"
)

// Deps is what plugins are given.
type Deps struct {
	Lister     admission.Lister
	Authorizer authorizer.Authorizer
	// Await returns once the object is in the view of Lister, or ctx's error; nil waits for nothing.
	Await func(ctx context.Context, of schema.GroupResource, namespace, name string) error
}

type entry struct {
	admission.Plugin
	off bool // unless it is asked for
}

func all(deps Deps) []entry {
	lifecycle := &namespacelifecycle.Plugin{Lister: deps.Lister}
	account := &serviceaccount.Plugin{Lister: deps.Lister, Await: deps.Await}
	return []entry{
		{Plugin: admission.Plugin{Name: "NamespaceLifecycle", Mutator: lifecycle}},
		{Plugin: admission.Plugin{Name: "ServiceAccount", Mutator: account, Validator: account}},
	}
}

// New returns the chain of the plugins that are on by default, with those named by enable and without those
// named by disable. An unknown name is an error.
func New(deps Deps, enable, disable []string) (*admission.Chain, error) {
	entries := all(deps)
	for _, name := range slices.Concat(enable, disable) {
		if !slices.ContainsFunc(entries, func(e entry) bool { return e.Name == name }) {
			return nil, fmt.Errorf("unknown admission plugin %q, known are %s", name, strings.Join(Names(), ", "))
		}
		if slices.Contains(enable, name) && slices.Contains(disable, name) {
			return nil, fmt.Errorf("admission plugin %q is both enabled and disabled", name)
		}
	}
	var on []admission.Plugin
	for _, e := range entries {
		if slices.Contains(disable, e.Name) || e.off && !slices.Contains(enable, e.Name) {
			continue
		}
		on = append(on, e.Plugin)
	}
	return admission.NewChain(on...), nil
}

// Names of all plugins that there are, in their order.
func Names() []string {
	var names []string
	for _, e := range all(Deps{}) {
		names = append(names, e.Name)
	}
	return names
}
