package rules

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"

	celgo "github.com/google/cel-go/cel"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// The bounds of estimated costs: of one expression, and of all in a schema. Of the costliest, mostNamed are named that cost so much. A message is
// made once, however often its rule is checked.
const (
	costOfRule      = 10_000_000
	costOfSchema    = 100_000_000
	costWorthNaming = costOfSchema / 100
	mostNamed       = 4

	advice = "try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared"
)

// checker goes through one schema.
type checker struct {
	base  *environment.EnvSet
	known sets.Set[string]
	// wrong is what is known to be wrong without the rules; errs is what is wrong with them.
	wrong field.ErrorList
	errs  field.ErrorList
	total uint64
	costs []cost
}

type cost struct {
	path *field.Path
	cost uint64
}

// place is where a schema stands in another.
type place struct {
	path *field.Path
	// often is how often it can occur in an object; 0 for without a bound.
	often uint64
	// loose is the nearest list whose items cannot be found again in an older object; nil for none.
	loose *field.Path
}

func checkRules(form *structural.Structural, path *field.Path, known sets.Set[string], wrong field.ErrorList) field.ErrorList {
	if !hasRules(form) {
		return nil
	}
	paths := checkFieldPaths(form, path)
	c := &checker{known: known, wrong: append(wrong, paths...), errs: paths}
	c.walk(form, model.SchemaDeclType(form, true), place{path: path, often: 1})
	if c.total <= costOfSchema {
		return c.errs
	}
	slices.SortStableFunc(c.costs, func(a, b cost) int { return cmp.Compare(b.cost, a.cost) })
	for _, costly := range c.costs[:min(mostNamed, len(c.costs))] {
		c.errs = append(c.errs, field.Forbidden(costly.path, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"))
	}
	return append(c.errs, field.Forbidden(path, fmt.Sprintf("x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of %s (%s)",
		factor(c.total, costOfSchema), advice)))
}

func hasRules(form *structural.Structural) (found bool) {
	visit := &structural.Visitor{Structural: func(s *structural.Structural) bool {
		found = found || len(s.XValidations) > 0
		return false
	}}
	visit.Visit(form)
	return found
}

// factor by which a cost is above its bound, as messages have it.
func factor(cost, limit uint64) string {
	times := float64(cost) / float64(limit)
	if times > 100 {
		return "more than 100x"
	}
	return fmt.Sprintf("%.1fx", times)
}

// walk checks the rules of a schema and of those below it. Those of one that is wrong itself, or has one in it that is, are left for when that is mended.
func (c *checker) walk(s *structural.Structural, declared *apiservercel.DeclType, at place) {
	if len(s.XValidations) > 0 && !hasErrors(c.wrong, at.path) {
		c.compile(s, declared, at)
	}
	if s.Items != nil {
		below := place{path: at.path.Child("items"), often: at.times(maxOf(s, true)), loose: at.loose}
		if s.XListType == nil || *s.XListType != "map" {
			below.loose = firstOf(at.loose, at.path)
		}
		c.walk(s.Items, elementOf(declared, s.Items), below)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name]
		below := place{path: at.path.Child("properties").Key(name), often: at.often, loose: at.loose}
		if !cel.MapIsCorrelatable(s.XMapType) {
			below.loose = firstOf(at.loose, at.path)
		}
		c.walk(&property, fieldOf(declared, name, &property), below)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		below := place{path: at.path.Child("additionalProperties"), often: at.times(maxOf(s, false)), loose: at.loose}
		if !cel.MapIsCorrelatable(s.XMapType) {
			below.loose = firstOf(at.loose, at.path)
		}
		c.walk(s.AdditionalProperties.Structural, elementOf(declared, s.AdditionalProperties.Structural), below)
	}
}

func firstOf(a, b *field.Path) *field.Path {
	if a != nil {
		return a
	}
	return b
}

// maxOf is how many items or entries there can be; 0 for without a bound.
func maxOf(s *structural.Structural, items bool) uint64 {
	if s.ValueValidation == nil {
		return 0
	}
	most := s.ValueValidation.MaxProperties
	if items {
		most = s.ValueValidation.MaxItems
	}
	if most == nil || *most < 0 {
		return 0
	}
	return uint64(*most)
}

func (p place) times(n uint64) uint64 {
	if p.often == 0 || n == 0 {
		return 0
	}
	return multiply(p.often, n)
}

func multiply(a, b uint64) uint64 {
	if high, low := bits.Mul64(a, b); high == 0 {
		return low
	}
	return math.MaxUint64
}

func elementOf(declared *apiservercel.DeclType, s *structural.Structural) *apiservercel.DeclType {
	if declared != nil && declared.ElemType != nil && !s.XEmbeddedResource {
		return declared.ElemType
	}
	return model.SchemaDeclType(s, s.XEmbeddedResource)
}

func fieldOf(declared *apiservercel.DeclType, name string, s *structural.Structural) *apiservercel.DeclType {
	if escaped, ok := apiservercel.Escape(name); ok && declared != nil {
		if known := declared.Fields[escaped]; known != nil {
			return known.Type
		}
	}
	return model.SchemaDeclType(s, s.XEmbeddedResource)
}

// compile checks the rules of one schema.
func (c *checker) compile(s *structural.Structural, declared *apiservercel.DeclType, at place) {
	path := at.path.Child("x-kubernetes-validations")
	if declared == nil {
		c.errs = append(c.errs, field.InternalError(path, errors.New("internal error: failed to construct type information for x-kubernetes-validations rules: "+
			"unable to convert structural schema to CEL declarations")))
		return
	}
	if c.base == nil {
		c.base = environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	}
	results, err := cel.Compile(s, declared, celconfig.PerCallLimit, c.base, loader{c.known})
	if err != nil {
		c.errs = append(c.errs, field.InternalError(path, err))
		return
	}
	for i := range results {
		c.judge(s, i, &results[i], path.Index(i), at)
	}
}

// judge tells what is wrong with one rule.
func (c *checker) judge(s *structural.Structural, i int, result *cel.CompilationResult, path *field.Path, at place) {
	var rule apiextensions.ValidationRule
	if err := apiextensionsv1.Convert_v1_ValidationRule_To_apiextensions_ValidationRule(&s.XValidations[i], &rule, nil); err != nil {
		c.errs = append(c.errs, field.InternalError(path, err))
		return
	}
	c.weigh(times(result.MaxCost, result, at), path.Child("rule"), "rule")
	if result.MessageExpression != nil {
		c.weigh(result.MessageExpressionMaxCost, path.Child("messageExpression"), "messageExpression")
	}
	if result.Error != nil {
		c.errs = append(c.errs, asField(result.Error, path.Child("rule"), rule))
	}
	if result.MessageExpressionError != nil {
		c.errs = append(c.errs, asField(result.MessageExpressionError, path.Child("messageExpression"), rule))
	}
	if rule.OptionalOldSelf != nil && !result.UsesOldSelf {
		c.errs = append(c.errs, field.Invalid(path.Child("optionalOldSelf"), *rule.OptionalOldSelf, "may not be set if oldSelf is not used in rule"))
	}
	if result.UsesOldSelf && at.loose != nil {
		c.errs = append(c.errs, field.Invalid(path.Child("rule"), rule.Rule, fmt.Sprintf("oldSelf cannot be used on the uncorrelatable portion of the schema within %v", at.loose)))
	}
}

// times is the cost of an expression wherever it can occur.
func times(cost uint64, result *cel.CompilationResult, at place) uint64 {
	if at.often > 0 {
		return multiply(cost, at.often)
	}
	return multiply(cost, result.MaxCardinality)
}

func (c *checker) weigh(n uint64, path *field.Path, what string) {
	if n > costOfRule {
		c.errs = append(c.errs, field.Forbidden(path, fmt.Sprintf("estimated %s cost exceeds budget by factor of %s (%s)", what, factor(n, costOfRule), advice)))
	}
	if n >= costWorthNaming {
		c.costs = append(c.costs, cost{path, n})
	}
	if c.total += n; c.total < n {
		c.total = math.MaxUint64
	}
}

func asField(err *apiservercel.Error, path *field.Path, rule apiextensions.ValidationRule) *field.Error {
	if err.Type == apiservercel.ErrorTypeInternal {
		return field.InternalError(path, err)
	}
	return field.Invalid(path, rule, err.Detail)
}

// loader compiles what is stored already with all that a server of any version may have stored.
type loader struct{ known sets.Set[string] }

// RuleEnv implements cel.EnvLoader.
func (l loader) RuleEnv(set *environment.EnvSet, expression string) *celgo.Env {
	if l.known.Has(expression) {
		return set.StoredExpressionsEnv()
	}
	return set.NewExpressionsEnv()
}

// MessageExpressionEnv implements cel.EnvLoader.
func (l loader) MessageExpressionEnv(set *environment.EnvSet, expression string) *celgo.Env {
	return l.RuleEnv(set, expression)
}
