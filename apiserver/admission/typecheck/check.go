package typecheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiservercel "k8s.io/apiserver/pkg/cel"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
)

// maxKinds bounds the kinds that one policy is held against.
const maxKinds = 10

// Types finds the types of kinds.
type Types interface {
	// Kinds of a resource, by its group, version and plural name.
	Kinds(of schema.GroupVersionResource) []schema.GroupVersionKind
	// Type of the objects of a kind; nil where it is not known.
	Type(of schema.GroupVersionKind) (*apiservercel.DeclType, error)
}

// Checker checks policies.
type Checker struct{ Types Types }

// Check returns what is wrong with the expressions of a policy on any of the kinds that it names.
func (c *Checker) Check(p *admissionregistrationv1.ValidatingAdmissionPolicy) []admissionregistrationv1.ExpressionWarning {
	contexts := c.contexts(p)
	if len(contexts) == 0 {
		return nil
	}
	var warnings []admissionregistrationv1.ExpressionWarning
	for i := range p.Spec.Validations {
		v, path := &p.Spec.Validations[i], field.NewPath("spec", "validations").Index(i)
		warnings = append(warnings, warning(contexts, v.Expression, path.Child("expression"), cel.BoolType)...)
		if v.MessageExpression != "" {
			warnings = append(warnings, warning(contexts, v.MessageExpression, path.Child("messageExpression"), cel.StringType)...)
		}
	}
	return warnings
}

// typed is a compiler for which the object is of one kind.
type typed struct {
	kind     schema.GroupVersionKind
	compiler *expression.Compiler
}

func (c *Checker) contexts(p *admissionregistrationv1.ValidatingAdmissionPolicy) []typed {
	var params *apiservercel.DeclType
	if kind := p.Spec.ParamKind; kind != nil {
		params, _ = c.Types.Type(schema.FromAPIVersionAndKind(kind.APIVersion, kind.Kind)) // an unknown type is any
	}
	var all []typed
	for _, kind := range c.kinds(p.Spec.MatchConstraints) {
		object, err := c.Types.Type(kind)
		if err != nil || object == nil {
			continue
		}
		object = object.MaybeAssignTypeName("kubernetes.Object")
		variables := map[string]*apiservercel.DeclType{"object": object, "oldObject": object}
		if params != nil {
			variables["params"] = params.MaybeAssignTypeName("kubernetes.Params")
		}
		compiler, err := expression.TypedCompiler(expression.Scope{Namespace: true, Params: p.Spec.ParamKind != nil, Authorizer: true}, variables)
		if err != nil {
			continue
		}
		for _, variable := range p.Spec.Variables {
			compiler.Variable(variable.Name, variable.Expression)
		}
		all = append(all, typed{kind, compiler})
	}
	return all
}

// kinds that the rules name, those with wildcards and subresources left out.
func (c *Checker) kinds(m *admissionregistrationv1.MatchResources) []schema.GroupVersionKind {
	if m == nil {
		return nil
	}
	var all []schema.GroupVersionKind
	for i := range m.ResourceRules {
		rule := &m.ResourceRules[i].Rule
		for _, group := range named(rule.APIGroups) {
			for _, version := range named(rule.APIVersions) {
				for _, resource := range named(rule.Resources) {
					all = append(all, c.Types.Kinds(schema.GroupVersionResource{Group: group, Version: version, Resource: resource})...)
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
	all = slices.Compact(all)
	return all[:min(len(all), maxKinds)]
}

// named returns nothing where a wildcard stands for all.
func named(values []string) []string {
	var out []string
	for _, value := range values {
		if strings.ContainsAny(value, "*/") {
			continue
		}
		out = append(out, value)
	}
	return out
}

func warning(contexts []typed, source string, path *field.Path, want *cel.Type) []admissionregistrationv1.ExpressionWarning {
	var text strings.Builder
	for _, context := range contexts {
		program := context.compiler.Compile(source, want)
		var refusal *apiservercel.Error
		if program.Wrong == nil || !errors.As(program.Wrong, &refusal) {
			continue
		}
		detail := strings.TrimPrefix(refusal.Detail, "compilation failed: ")
		fmt.Fprintf(&text, "%v: %s\n", context.kind, detail)
	}
	if text.Len() == 0 {
		return nil
	}
	return []admissionregistrationv1.ExpressionWarning{{FieldRef: path.String(), Warning: text.String()}}
}
