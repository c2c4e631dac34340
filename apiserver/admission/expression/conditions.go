package expression

import (
	"errors"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// Conditions are the match conditions of a webhook or a policy: all must be true.
type Conditions []*Program

// Conditions compiles match conditions.
func (c *Compiler) Conditions(conditions []admissionregistrationv1.MatchCondition) Conditions {
	programs := make(Conditions, 0, len(conditions))
	for _, condition := range conditions {
		programs = append(programs, c.Compile(strings.TrimSpace(condition.Expression), cel.BoolType))
	}
	return programs
}

// Match says whether all conditions are true. The error is why that cannot be said: none of them is false, and some fail.
func (c Conditions) Match(e *Evaluation) (bool, error) {
	var failures []error
	for _, program := range c {
		value, err := e.Evaluate(program)
		switch {
		case err != nil:
			failures = append(failures, err)
			if errors.Is(err, ErrBudget) {
				return false, err
			}
		case value != types.True:
			return false, nil
		}
	}
	return len(failures) == 0, joined(failures)
}

// joined is one error of several, in upstream's form.
func joined(failures []error) error {
	switch len(failures) {
	case 0:
		return nil
	case 1:
		return failures[0]
	}
	texts := make([]string, len(failures))
	for i, failure := range failures {
		texts[i] = failure.Error()
	}
	return errors.New("[" + strings.Join(texts, ", ") + "]")
}
