package expression

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Program is a compiled expression.
type Program struct {
	Source  string
	program cel.Program
	// Wrong is why it cannot be evaluated: a refusal for whoever writes it, an error for whoever evaluates it.
	Wrong error
	// Output is the type of its values.
	Output  *cel.Type
	metrics *admission.Metrics
}

// Compiler compiles expressions that share a scope and variables. Each variable can be referred to by what is compiled after it.
type Compiler struct {
	set       *environment.EnvSet
	stored    bool
	declares  bool // there are variables
	fields    map[string]*apiservercel.DeclField
	Variables []Variable
	wrong     error
	metrics   *admission.Metrics
}

// Variable is a named expression.
type Variable struct {
	Name string
	*Program
}

// Compiler for a scope.
func (e *Environments) Compiler(scope Scope) *Compiler {
	set, err := e.of(scope)
	return &Compiler{set: set, stored: scope.Stored, wrong: err, metrics: e.Metrics, fields: map[string]*apiservercel.DeclField{}}
}

// TypedCompiler is one for which object, oldObject and params are of the types that are given, to check types.
func TypedCompiler(scope Scope, types map[string]*apiservercel.DeclType) (*Compiler, error) {
	set, err := build(scope, types)
	return &Compiler{set: set, fields: map[string]*apiservercel.DeclField{}}, err
}

// Declare says that there are variables, though none may be defined yet.
func (c *Compiler) Declare() { c.declares = true }

// Variable compiles a variable and lets later expressions refer to it.
func (c *Compiler) Variable(name, source string) *Program {
	c.Declare()
	program := c.Compile(source)
	c.Variables = append(c.Variables, Variable{name, program})
	kind := apiservercel.DynType
	if program.Output != nil {
		kind = apiservercel.NewSimpleTypeWithMinSize(program.Output.TypeName(), program.Output, nil, 0)
	}
	c.fields[name] = apiservercel.NewDeclField(name, kind, true, nil, nil)
	return program
}

// environment with the variables so far.
func (c *Compiler) environment() (*cel.Env, error) {
	if c.wrong != nil {
		return nil, c.wrong
	}
	set := c.set
	if c.declares {
		kind := apiservercel.NewObjectType(variablesType, c.fields)
		var err error
		if set, err = set.Extend(environment.VersionedOptions{
			IntroducedVersion: version.MajorMinor(1, 0), DeclTypes: []*apiservercel.DeclType{kind},
			EnvOptions: []cel.EnvOption{cel.Variable(variablesName, kind.CelType())},
		}); err != nil {
			return nil, err
		}
	}
	if c.stored {
		return set.StoredExpressionsEnv(), nil
	}
	return set.NewExpressionsEnv(), nil
}

// Compile compiles an expression whose value must be of one of the types; none means any.
func (c *Compiler) Compile(source string, want ...*cel.Type) *Program {
	defer c.metrics.Compiled(time.Now())
	p := &Program{Source: source, metrics: c.metrics}
	env, err := c.environment()
	if err != nil {
		p.Wrong = err
		return p
	}
	ast, issues := env.Compile(source)
	if issues != nil {
		p.Wrong = &apiservercel.Error{Type: apiservercel.ErrorTypeInvalid, Detail: "compilation failed: " + issues.String(), Cause: apiservercel.NewCompilationError(issues)}
		return p
	}
	p.Output = ast.OutputType()
	if err := checkOutput(p.Output, want); err != nil {
		p.Wrong = err
		return p
	}
	p.program, err = env.Program(ast, cel.InterruptCheckFrequency(celconfig.CheckFrequency), cel.CostTracking(&library.CostEstimator{}))
	if err != nil {
		p.Wrong = &apiservercel.Error{Type: apiservercel.ErrorTypeInvalid, Detail: "program instantiation failed: " + err.Error()}
	}
	return p
}

func checkOutput(got *cel.Type, want []*cel.Type) error {
	if len(want) == 0 || slices.ContainsFunc(want, got.IsExactType) {
		return nil
	}
	detail := fmt.Sprintf("must evaluate to %s but got %s", want[0], got)
	if len(want) > 1 {
		names := make([]string, len(want))
		for i := range want {
			names[i] = want[i].String()
		}
		detail = fmt.Sprintf("must evaluate to one of [%s] but got %s", strings.Join(names, " "), got)
	}
	return &apiservercel.Error{Type: apiservercel.ErrorTypeInvalid, Detail: detail}
}
