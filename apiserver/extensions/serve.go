package extensions

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/conversion"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/custom"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
)

// serve has the API server serve a definition as it is now, or no longer, unless nothing about that is new.
func (e *Extensions) serve(s *state, crd *apiextensionsv1.CustomResourceDefinition) error {
	if !isTrue(crd, apiextensionsv1.NamesAccepted) && !isTrue(crd, apiextensionsv1.Established) {
		e.withdrawServed(s)
		return nil
	}
	s.terminating.Store(isTrue(crd, apiextensionsv1.Terminating))
	if s.served != nil && alike(s.served, crd) {
		s.served = crd
		s.definition.Adopt(crd)
		return nil
	}
	definition := custom.New(crd, e.converterOf(crd))
	versions := definition.Served()
	if len(versions) == 0 {
		e.withdrawServed(s)
		return nil
	}
	parts, rows := make([]kinds.Custom, len(versions)), make([]*resource.Resource, len(versions))
	for i, version := range versions {
		rows[i] = version.Row()
		parts[i] = kinds.Custom{Row: rows[i], Codec: version, Fields: version, Terminating: &s.terminating}
	}
	if s.served != nil && groupResource(s.served) != groupResource(crd) {
		e.withdraw(s)
	}
	if err := e.Server.ServeCustom(parts...); err != nil {
		return err
	}
	s.stopEnding() // which goes by what was served before
	before := s.served
	s.served, s.definition = crd, definition
	e.publish(before, crd, versions, rows)
	return nil
}

// alike says whether two states of a definition are served in the same way.
func alike(a, b *apiextensionsv1.CustomResourceDefinition) bool {
	return equality.Semantic.DeepEqual(a.Spec, b.Spec) && equality.Semantic.DeepEqual(a.Status.AcceptedNames, b.Status.AcceptedNames)
}

// withdrawServed stops serving a definition that is served, and lets the deletion of one that is not go on.
func (e *Extensions) withdrawServed(s *state) {
	if s.served != nil {
		e.withdraw(s)
	}
}

// stopEnding stops the deletion of a definition's objects, which end may begin again.
func (s *state) stopEnding() {
	if s.ending != nil {
		s.ending()
		s.ending = nil
	}
}

// withdraw stops serving a definition.
func (e *Extensions) withdraw(s *state) {
	s.stopEnding()
	if s.served == nil {
		return
	}
	e.Server.RemoveRow(groupResource(s.served))
	e.publish(s.served, nil, nil, nil)
	s.served = nil
}

// converterOf is how the versions of a definition are converted.
func (e *Extensions) converterOf(crd *apiextensionsv1.CustomResourceDefinition) conversion.Converter {
	if c := crd.Spec.Conversion; c != nil && c.Strategy == apiextensionsv1.WebhookConverter && c.Webhook != nil && e.Webhooks != nil {
		return conversion.NewWebhook(e.Webhooks, c.Webhook)
	}
	return conversion.None{}
}
