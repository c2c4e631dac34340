package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/matching"
)

// Deps is what both plugins need.
type Deps struct {
	Matcher      matching.Matcher
	Environments *expression.Environments
	// Authorizer is what expressions may ask.
	Authorizer authorizer.Authorizer
	Metrics    *admission.Metrics
	// Find finds parameters.
	Find admission.Finder
}

// application is a policy by one binding, with one parameter.
type application struct {
	policy  *policy
	binding *binding
	target  *matching.Target
	params  map[string]any
	since   time.Time // when its evaluation began
}

// failure is why a policy, or one of its bindings, cannot be applied.
type failure struct {
	policy  *policy
	binding *binding // nil: the policy itself
	err     error
}

// applications of a policy to a write.
func (d *Deps) applications(ctx context.Context, p *policy, a *admission.Attributes) (all []application, failures []failure) {
	if p.wrong != nil {
		return nil, []failure{{p, nil, p.wrong}}
	}
	target, err := d.Matcher.Match(ctx, p.criteria, a)
	if err != nil {
		return nil, []failure{{p, nil, err}}
	}
	if target == nil {
		return nil, nil
	}
	var objects admission.Objects
	if p.params != nil {
		var found bool
		if objects, found = d.Find(*p.params); !found {
			return nil, []failure{{p, nil, fmt.Errorf("failed to find resource referenced by paramKind: '%v'", *p.params)}}
		}
	}
	for _, b := range p.bindings {
		params, err := d.bound(ctx, p, b, objects, a)
		if err != nil {
			failures = append(failures, failure{p, b, err})
			continue
		}
		for _, param := range params {
			all = append(all, application{policy: p, binding: b, target: target, params: param})
		}
	}
	return all, failures
}

// bound returns the parameters with which a binding applies; one that is nil where there are no parameters.
func (d *Deps) bound(ctx context.Context, p *policy, b *binding, objects admission.Objects, a *admission.Attributes) ([]map[string]any, error) {
	if b.wrong != nil {
		return nil, b.wrong
	}
	if b.criteria != nil {
		target, err := d.Matcher.MatchRules(ctx, b.criteria, a)
		if err != nil || target == nil {
			return nil, err
		}
	}
	if p.params == nil || b.ref == nil {
		return []map[string]any{nil}, nil
	}
	namespace, err := namespaceOf(objects, b.ref, a)
	if err != nil {
		return nil, err
	}
	params, err := b.find(ctx, objects, namespace)
	if err != nil {
		return nil, err
	}
	if len(params) == 0 && ptr.Deref(b.ref.ParameterNotFoundAction, admissionregistrationv1.DenyAction) == admissionregistrationv1.DenyAction {
		return nil, errors.New("no params found for policy binding with `Deny` parameterNotFoundAction")
	}
	return params, nil
}

// namespaceOf the parameters: what the binding says, or else that of the write.
func namespaceOf(objects admission.Objects, ref *admissionregistrationv1.ParamRef, a *admission.Attributes) (string, error) {
	if !objects.Namespaced {
		if ref.Namespace != "" {
			return "", errors.New("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
		}
		return "", nil
	}
	if ref.Namespace != "" {
		return ref.Namespace, nil
	}
	if namespace := matching.NamespaceOf(a); namespace != "" {
		return namespace, nil
	}
	return "", errors.New("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
}

func (b *binding) find(ctx context.Context, objects admission.Objects, namespace string) ([]map[string]any, error) {
	if b.ref.Name != "" {
		obj, found, err := objects.Get(ctx, namespace, b.ref.Name)
		if err != nil || !found {
			return nil, err
		}
		return contents([]runtime.Object{obj})
	}
	if b.selector == nil {
		return nil, errors.New("one of name or selector must be provided")
	}
	all, err := objects.List(ctx, namespace)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(obj runtime.Object) bool {
		accessor, err := meta.Accessor(obj)
		return err != nil || !b.selector.Matches(labels.Set(accessor.GetLabels()))
	})
	return contents(all)
}

func contents(objects []runtime.Object) ([]map[string]any, error) {
	var all []map[string]any
	for _, obj := range objects {
		content, ok := expression.Content(obj).(map[string]any)
		if !ok {
			return nil, fmt.Errorf("reading a parameter of type %T", obj)
		}
		all = append(all, content)
	}
	return all, nil
}

// namespace returns a function that reads the namespace of a write once.
func (d *Deps) namespace(ctx context.Context, a *admission.Attributes) func() (map[string]any, error) {
	return sync.OnceValues(func() (map[string]any, error) {
		if a.Namespace == "" || a.Resource.Name == "namespaces" && a.Resource.Group == "" {
			return nil, nil
		}
		namespace, err := d.Matcher.Namespace(ctx, a.Namespace)
		if err != nil {
			return nil, err
		}
		namespace = namespace.DeepCopy()
		namespace.OwnerReferences, namespace.ManagedFields = nil, nil
		content, _ := expression.Content(namespace).(map[string]any)
		content = maps.Clone(content)
		delete(content, "kind")
		delete(content, "apiVersion")
		return content, nil
	})
}
