package admission

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// Operation is what a request does.
type Operation string

// The operations that are admitted.
const (
	Create  Operation = "CREATE"
	Update  Operation = "UPDATE"
	Delete  Operation = "DELETE"
	Connect Operation = "CONNECT"
)

// Lister is the read view that plugins are given.
type Lister = auth.Lister

// Attributes describe one write. Object and Old are of the storage version; Object is nil on delete and Old
// on create. Old is what is stored, never what the client sent, and must not be changed.
type Attributes struct {
	Operation Operation
	Resource  *resource.Resource
	// Version of the resource that the client asked for, and Kind of what it sent: that of the subresource's body, if it has one.
	Version     string
	Kind        schema.GroupVersionKind
	Subresource string
	Namespace   string
	Name        string // may be empty on create with generateName
	Object      runtime.Object
	Old         runtime.Object
	Options     runtime.Object
	DryRun      bool
	User        user.Info
	Warn        func(string) // may be nil
	// Annotate adds to the audit event of the request; may be nil. It and Warn are called from several goroutines.
	Annotate func(key, value string)
	// Types knows how values of the resource are merged, in any of its versions; nil where nobody does.
	Types func() (managedfields.TypeConverter, error)
	// Forms are all versions of a custom resource, the client's among them; nil for resources that are built in.
	Forms func() []Form
	// Again is what mutators remember of one another's changes.
	Again Reinvocation
}

// Form is one version of a custom resource.
type Form struct {
	Row *resource.Resource // with this one version
	// Show converts an object of any version to this one. It may return what it is given.
	Show func(resource.Object) (resource.Object, error)
	// Accept drops what the schema does not have from an object that was just decoded.
	Accept func(resource.Object) error
}

// Mutator may change a.Object, and refuse.
type Mutator interface {
	Admit(ctx context.Context, a *Attributes) error
}

// Validator may refuse. It changes nothing.
type Validator interface {
	Validate(ctx context.Context, a *Attributes) error
}

// Plugin is a Mutator, a Validator or both, under the name by which it is switched.
type Plugin struct {
	Name      string
	Mutator   Mutator
	Validator Validator
}

// Chain asks its plugins in order. A nil chain admits everything.
type Chain struct {
	plugins []Plugin
	metrics *Metrics
	// admits and validates measure the plugins, and the last of each the whole step.
	admits, validates []watch
}

// NewChain returns a chain of the plugins in their order.
func NewChain(plugins ...Plugin) *Chain { return (*Chain)(nil).After(plugins...) }

// After returns a chain that asks first before the plugins of c.
func (c *Chain) After(first ...Plugin) *Chain {
	made := &Chain{plugins: slices.Clone(first)}
	if c != nil {
		made.plugins, made.metrics = append(made.plugins, c.plugins...), c.metrics
	}
	made.admits, made.validates = make([]watch, len(made.plugins)+1), make([]watch, len(made.plugins)+1)
	for i := range made.plugins {
		made.admits[i].name, made.validates[i].name = made.plugins[i].Name, made.plugins[i].Name
	}
	for i := range made.admits {
		made.admits[i].step, made.validates[i].step = stepAdmit, stepValidate
	}
	return made
}

// Measured makes the chain count into m.
func (c *Chain) Measured(m *Metrics) *Chain {
	c.metrics = m
	return c
}

// Metrics that the chain counts into; nil where it does not.
func (c *Chain) Metrics() *Metrics {
	if c == nil {
		return nil
	}
	return c.metrics
}

// Names of the plugins in their order.
func (c *Chain) Names() []string {
	var names []string
	for _, plugin := range c.plugins {
		names = append(names, plugin.Name)
	}
	return names
}

// Ask is Admit and then Validate, of what is not stored as it was sent: deletions, connections, and questions to the server.
func (c *Chain) Ask(ctx context.Context, a *Attributes) error {
	if err := c.Admit(ctx, a); err != nil {
		return err
	}
	return c.Validate(ctx, a)
}

// Admit lets all mutators change a.Object, and once more when one of them asks for that. The first that refuses ends it.
func (c *Chain) Admit(ctx context.Context, a *Attributes) error {
	if c == nil {
		return nil
	}
	a.Again = Reinvocation{}
	start := time.Now()
	err := c.admit(ctx, a)
	if err == nil && a.Again.wanted {
		a.Again.running = true
		err = c.admit(ctx, a)
	}
	c.admits[len(c.plugins)].observe(c.metrics, a.Operation, time.Since(start), err)
	return err
}

func (c *Chain) admit(ctx context.Context, a *Attributes) error {
	start, before := time.Now(), time.Duration(0)
	for i := range c.plugins {
		if c.plugins[i].Mutator == nil {
			continue
		}
		err := c.plugins[i].Mutator.Admit(ctx, a)
		took := time.Since(start)
		c.admits[i].observe(c.metrics, a.Operation, took-before, err)
		if before = took; err != nil {
			return err
		}
	}
	return nil
}

// Validate asks all validators. The first that refuses ends it.
func (c *Chain) Validate(ctx context.Context, a *Attributes) error {
	if c == nil {
		return nil
	}
	start := time.Now()
	err := c.validate(ctx, a)
	c.validates[len(c.plugins)].observe(c.metrics, a.Operation, time.Since(start), err)
	return err
}

func (c *Chain) validate(ctx context.Context, a *Attributes) error {
	start, before := time.Now(), time.Duration(0)
	for i := range c.plugins {
		if c.plugins[i].Validator == nil {
			continue
		}
		err := c.plugins[i].Validator.Validate(ctx, a)
		took := time.Since(start)
		c.validates[i].observe(c.metrics, a.Operation, took-before, err)
		if before = took; err != nil {
			return err
		}
	}
	return nil
}
