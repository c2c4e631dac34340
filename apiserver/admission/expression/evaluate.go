package expression

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/lazy"
	"k8s.io/apiserver/pkg/cel/library"

	kauthorizer "k8s.io/apiserver/pkg/authorization/authorizer"
)

// Budgets of what one webhook's conditions, and one policy with one parameter, may cost.
const (
	ConditionsBudget int64 = celconfig.RuntimeCELCostBudgetMatchConditions
	PolicyBudget     int64 = celconfig.RuntimeCELCostBudget
)

// ErrBudget says that what expressions may cost is used up.
var ErrBudget = errors.New("validation failed due to running out of cost budget, no further validation rules will be run")

// Input is what expressions are evaluated on.
type Input struct {
	Write *Write
	// Params is unstructured content, or nil.
	Params map[string]any
	// Namespace is unstructured content, or nil.
	Namespace  map[string]any
	Authorizer kauthorizer.Authorizer
}

// Evaluation evaluates expressions on one input, within one budget. It is for one goroutine.
type Evaluation struct {
	in        Input
	remaining int64
	variables *lazy.MapValue
	ctx       context.Context //nolint:containedctx // variables are evaluated when they are first referred to
}

// NewEvaluation of expressions that may refer to the variables.
func NewEvaluation(ctx context.Context, in Input, variables []Variable, budget int64) *Evaluation {
	e := &Evaluation{in: in, remaining: budget, ctx: ctx}
	if len(variables) > 0 {
		e.variables = lazy.NewMapValue(cel.ObjectType(variablesType))
		for _, v := range variables {
			e.variables.Append(v.Name, func(*lazy.MapValue) ref.Val {
				value, err := e.value(v.Program)
				if err != nil {
					return types.NewErr("composited variable %q fails to evaluate: %v", v.Name, err)
				}
				return value
			})
		}
	}
	return e
}

// Remaining budget.
func (e *Evaluation) Remaining() int64 { return e.remaining }

// Evaluate returns the value of an expression.
func (e *Evaluation) Evaluate(p *Program) (ref.Val, error) {
	if p.Wrong != nil {
		return nil, fmt.Errorf("compilation error: %w", p.Wrong)
	}
	value, err := e.value(p)
	var failed *failedError
	if errors.As(err, &failed) {
		return nil, fmt.Errorf("expression '%v' resulted in error: %w", p.Source, failed.error)
	}
	return value, err
}

// failedError is what the evaluation itself says.
type failedError struct{ error }

func (e *Evaluation) value(p *Program) (ref.Val, error) {
	if p.Wrong != nil {
		return nil, p.Wrong
	}
	defer p.metrics.Evaluated(time.Now())
	value, details, err := p.program.ContextEval(e.ctx, e)
	if details == nil {
		return nil, fmt.Errorf("runtime cost could not be calculated for expression: %v, no further expression will be run", p.Source)
	}
	cost := details.ActualCost()
	if cost == nil {
		return nil, fmt.Errorf("runtime cost could not be calculated for expression: %v, no further expression will be run", p.Source)
	}
	if *cost > math.MaxInt64 || int64(*cost) > e.remaining {
		e.remaining = -1
		return nil, ErrBudget
	}
	e.remaining -= int64(*cost)
	if err != nil {
		return nil, &failedError{err}
	}
	return value, nil
}

// ResolveName implements interpreter.Activation.
func (e *Evaluation) ResolveName(name string) (any, bool) {
	switch name {
	case objectName:
		return e.in.Write.object(), true
	case oldObjectName:
		return e.in.Write.old(), true
	case requestName:
		return e.in.Write.request(), true
	case paramsName:
		return orNull(e.in.Params), true
	case namespaceName:
		return orNull(e.in.Namespace), true
	case variablesName:
		return e.variables, e.variables != nil
	case authorizer:
		return library.NewAuthorizerVal(e.in.Write.attributes.User, e.in.Authorizer), e.in.Authorizer != nil
	case requestResource:
		return library.NewResourceAuthorizerVal(e.in.Write.attributes.User, e.in.Authorizer, resourceOf{e.in.Write.attributes}), e.in.Authorizer != nil
	}
	return nil, false
}

// Parent implements interpreter.Activation.
func (e *Evaluation) Parent() interpreter.Activation { return nil }

// orNull is null in expressions where there is nothing.
func orNull(content map[string]any) any {
	if content == nil {
		return nil
	}
	return content
}
