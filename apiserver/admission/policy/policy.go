package policy

import (
	"cmp"
	"slices"
	"sync"

	"github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/matching"
)

// policy is one of either kind, compiled, with its bindings.
type policy struct {
	name       string
	failOpen   bool
	wrong      error // why it cannot be asked
	criteria   *matching.Criteria
	params     *schema.GroupVersionKind
	variables  []expression.Variable
	conditions expression.Conditions
	bindings   []*binding

	validations []validation
	audits      []audit
	mutations   []mutation
	reinvoke    bool
}

// validation is a rule and what is said when it is broken.
type validation struct {
	rule, messageExpression *expression.Program
	message                 string
	reason                  metav1.StatusReason
}

type audit struct {
	key   string
	value *expression.Program
}

// mutation is an expression that makes a patch.
type mutation struct {
	kind    admissionregistrationv1.PatchType
	program *expression.Program
}

// binding puts a policy into force.
type binding struct {
	name     string
	wrong    error
	criteria *matching.Criteria // nil: as the policy says
	ref      *admissionregistrationv1.ParamRef
	selector labels.Selector
	actions  []admissionregistrationv1.ValidationAction
}

// spec is what the two kinds of policies have in common.
type spec struct {
	name        string
	params      *admissionregistrationv1.ParamKind
	constraints *admissionregistrationv1.MatchResources
	conditions  []admissionregistrationv1.MatchCondition
	variables   []admissionregistrationv1.Variable
	failure     *admissionregistrationv1.FailurePolicyType
}

// compile makes a policy with everything but what it rules, and the compiler for that.
func compile(environments *expression.Environments, s spec, patches bool) (*policy, *expression.Compiler) {
	p := &policy{name: s.name, failOpen: ptr.Deref(s.failure, admissionregistrationv1.Fail) == admissionregistrationv1.Ignore}
	if s.params != nil {
		p.params = ptr.To(schema.FromAPIVersionAndKind(s.params.APIVersion, s.params.Kind))
	}
	constraints := s.constraints
	if constraints == nil {
		constraints = &admissionregistrationv1.MatchResources{}
	}
	p.criteria, p.wrong = matching.OfPolicy(constraints)
	compiler := environments.Compiler(expression.Scope{Namespace: true, Params: s.params != nil, Authorizer: true, Patches: patches, Stored: true})
	p.conditions = compiler.Conditions(s.conditions)
	for _, variable := range s.variables {
		compiler.Variable(variable.Name, variable.Expression)
	}
	p.variables = compiler.Variables
	return p, compiler
}

func newBinding(name string, ref *admissionregistrationv1.ParamRef, match *admissionregistrationv1.MatchResources) *binding {
	b := &binding{name: name, ref: ref}
	if match != nil {
		b.criteria, b.wrong = matching.OfPolicy(match)
	}
	if b.wrong == nil && ref != nil && ref.Selector != nil {
		b.selector, b.wrong = metav1.LabelSelectorAsSelector(ref.Selector)
	}
	return b
}

// messageTypes are those of an audit annotation's value.
func messageTypes() []*cel.Type { return []*cel.Type{cel.StringType, cel.NullType} }

// source keeps the policies until they or their bindings change.
type source struct {
	policies, bindings schema.GroupResource
	read               func(admission.Lister) []*policy

	mu   sync.RWMutex
	made bool
	at   [2]int64
	kept []*policy
}

// all are the policies as they are now.
func (s *source) all(l admission.Lister) []*policy {
	now := [2]int64{l.Changed(s.policies), l.Changed(s.bindings)}
	s.mu.RLock()
	made, at, kept := s.made, s.at, s.kept
	s.mu.RUnlock()
	if made && at == now {
		return kept
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.made || s.at != now {
		s.made, s.at, s.kept = true, now, s.read(l)
	}
	return s.kept
}

// inUse are the policies that have bindings, compiled, in the order of their names.
func inUse[P metav1.Object](all []P, bound map[string][]*binding, compile func(P) *policy) []*policy {
	var policies []*policy
	for _, p := range all {
		if bindings := bound[p.GetName()]; len(bindings) > 0 {
			made := compile(p)
			made.bindings = bindings
			policies = append(policies, made)
		}
	}
	slices.SortFunc(policies, func(a, b *policy) int { return cmp.Compare(a.name, b.name) })
	return policies
}

func resourceOf(name string) schema.GroupResource {
	return schema.GroupResource{Group: admissionregistrationv1.GroupName, Resource: name}
}
