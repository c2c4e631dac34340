package expression

import (
	"context"
	"testing"
	"time"
)

// FuzzExpression: whatever compiles comes to an end within its budget, with a value or an error.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"object.metadata.name == 'a'", "object.spec.containers.all(c, c.image.startsWith('x'))", "request.userInfo.groups.exists(g, g == 'a')",
		"[1,2,3].map(a, [1,2,3].map(b, a*b)).size() > 3", "1/0 == 1", "'a'.matches('(a*)*b')", "variables.x", "object[?'a'].orValue(1) == 1",
		"quantity('1Gi').isGreaterThan(quantity('1M'))", "ip('10.0.0.1').family() == 4", "''.lowerAscii().split('').join(',')", "authorizer.group('').resource('pods').check('get').allowed()",
	} {
		f.Add(seed)
	}
	compiler := (&Environments{}).Compiler(Scope{})
	object := map[string]any{"metadata": map[string]any{"name": "a", "labels": map[string]any{"b": "c"}}, "spec": map[string]any{"containers": []any{map[string]any{"image": "x:1"}}}}
	shown := func(value any) func() any { return func() any { return value } }
	write := &Write{object: shown(object), old: shown(nil), request: shown(map[string]any{"operation": "CREATE"})}
	f.Fuzz(func(t *testing.T, source string) {
		program := compiler.Compile(source)
		if program.Wrong != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		evaluation := NewEvaluation(ctx, Input{Write: write}, nil, ConditionsBudget)
		value, err := evaluation.Evaluate(program)
		if (value == nil) == (err == nil) {
			t.Fatalf("%q is %v, %v", source, value, err)
		}
		if ctx.Err() != nil {
			t.Fatalf("%q took too long", source)
		}
	})
}
