package namespaceexists

import (
	"context"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Plugin is NamespaceExists, which is off unless asked for: NamespaceLifecycle does the same and more.
type Plugin struct {
	Lister admission.Lister
}

// Validate looks for the namespace.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if !a.Resource.Namespaced || a.Namespace == "" || a.Operation == admission.Connect {
		return nil
	}
	_, err := admission.FindNamespace(ctx, p.Lister, a.Namespace)
	return err
}
