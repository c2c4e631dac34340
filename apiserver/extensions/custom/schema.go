package custom

import (
	"fmt"
	"sync"
	"weak"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	definitions "github.com/coxswain-k8s/coxswain/apis/apiextensions"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/rules"
)

// lazySchema holds the forms of a version's schema, each made when it is first needed.
type lazySchema struct {
	of *Version

	once sync.Once
	form *structural.Structural // nil where the version has no schema, or none that is structural
	err  error
	// read is what both forms are made of, for the second that is made right after the first: neither keeps it.
	reading sync.Mutex
	read    weak.Pointer[apiextensions.JSONSchemaProps]

	checkOnce sync.Once
	check     validation.SchemaValidator
	rules     *cel.Validator
	checkErr  error

	statusOnce sync.Once
	status     validation.SchemaValidator
	statusErr  error
}

// internal is the schema in the form that the libraries work with, which nobody changes; nil for none.
func (l *lazySchema) internal() (*apiextensions.JSONSchemaProps, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	if read := l.read.Value(); read != nil {
		return read, nil
	}
	whole, err := packed.Whole(l.of.of.crd())
	if err != nil || l.of.index < 0 {
		return nil, err
	}
	given := whole.Spec.Versions[l.of.index].Schema
	if given == nil || given.OpenAPIV3Schema == nil {
		return nil, nil
	}
	converted, err := definitions.InternalSchema(given.OpenAPIV3Schema)
	if err != nil {
		return nil, fmt.Errorf("reading schema of %s: %w", l.of.kind, err)
	}
	l.read = weak.Make(converted)
	return converted, nil
}

// structure is what pruning and defaulting go by.
func (l *lazySchema) structure() (*structural.Structural, error) {
	l.once.Do(func() {
		props, err := l.internal()
		if err != nil || props == nil {
			l.err = err
			return
		}
		form, err := structural.NewStructural(props)
		if err != nil {
			if !l.preserves() {
				l.err = fmt.Errorf("reading schema of %s: %w", l.of.kind, err)
			}
			return
		}
		if !l.preserves() && rules.HasDefaults(form) {
			form = form.DeepCopy()
			if err := defaulting.PruneDefaults(form); err != nil {
				l.err = fmt.Errorf("pruning defaults of %s: %w", l.of.kind, err)
				return
			}
		}
		l.form = form
	})
	return l.form, l.err
}

// preserves is set for definitions of old that leave unknown fields in place everywhere.
func (l *lazySchema) preserves() bool { return l.of.of.crd().Spec.PreserveUnknownFields }

// checks are what objects must pass: the schema's bounds, and its rules; both may be nil.
func (l *lazySchema) checks() (validation.SchemaValidator, *cel.Validator, error) {
	l.checkOnce.Do(func() {
		props, err := l.internal()
		if err != nil || props == nil {
			l.checkErr = err
			return
		}
		if l.check, _, l.checkErr = validation.NewSchemaValidator(props); l.checkErr != nil {
			l.checkErr = fmt.Errorf("compiling schema of %s: %w", l.of.kind, l.checkErr)
			return
		}
		form, err := l.structure()
		if err != nil || form == nil {
			l.checkErr = err
			return
		}
		l.rules = cel.NewValidator(form, true, celconfig.PerCallLimit)
	})
	return l.check, l.rules, l.checkErr
}

// statusCheck is what a status must pass; nil for a schema that says nothing of one.
func (l *lazySchema) statusCheck() (validation.SchemaValidator, error) {
	l.statusOnce.Do(func() {
		props, err := l.internal()
		if err != nil || props == nil {
			l.statusErr = err
			return
		}
		part, ok := props.Properties[statusField]
		if !ok {
			return
		}
		if l.status, _, l.statusErr = validation.NewSchemaValidator(&part); l.statusErr != nil {
			l.statusErr = fmt.Errorf("compiling schema of the status of %s: %w", l.of.kind, l.statusErr)
		}
	})
	return l.status, l.statusErr
}
