package write

import (
	"context"

	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/read"
	"github.com/coxswain-k8s/coxswain/apiserver/turns"
)

// Writer is what changes go through before they are stored.
type Writer struct {
	Admission *admission.Chain
	// FieldManager is of what has a Go type; nil for nobody.
	FieldManager kinds.FieldManager
	Served       *kinds.Served
	// Allowed says whether the caller may do what is not the verb of the request.
	Allowed func(ctx context.Context, attributes authorizer.Attributes) error

	turns turns.Turns
}

// Verbs are the verbs that change something, on one request.
type Verbs struct {
	read.Verbs
	*Writer
}
