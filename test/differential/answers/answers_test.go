package answers

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func answer(code int, body string) *Answer {
	return &Answer{Code: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name           string
		upstream, ours *Answer
		want           []Difference
	}{
		{"what must differ", answer(200, `{"metadata":{"uid":"11111111-1111-1111-1111-111111111111","resourceVersion":"5"}}`),
			answer(200, `{"metadata":{"uid":"22222222-2222-2222-2222-222222222222","resourceVersion":"7"}}`), nil},
		{"generated names", answer(200, `{"a":"gen-b2c4d","b":"gen-x-b2c4d","c":"gen-a.b2c4d","d":"gen--b2c4d","e":"gen-Ab2c4d","f":"gen-a"}`),
			answer(200, `{"a":"gen-fghjk","b":"gen-x-fghjk","c":"gen-a.fghjk","d":"gen--fghjk","e":"gen-Afghjk","f":"gen-b"}`), []Difference{{"body.f", `"gen-a"`, `"gen-b"`}}},
		{"null is not nothing", answer(200, `{"a":null}`), answer(200, `{}`), []Difference{{"body.a", "null", ""}}},
		{"an error beside a success", answer(200, `{"a":1}`), answer(422, `{"message":"m"}`),
			[]Difference{{"code", "200", "422"}, {"body.message", "", `"m"`}}},
		{"other causes", answer(422, `{"message":"x","details":{"causes":[{"field":"a"},{"field":"b"}]}}`), answer(422, `{"message":"y","details":{"causes":[{"field":"b"}]}}`),
			[]Difference{{"body.details.causes", `[{"field":"a"}]`, "[]"}}},
		{"another order of causes", answer(422, `{"details":{"causes":[{"field":"a"},{"field":"b"}]}}`), answer(422, `{"details":{"causes":[{"field":"b"},{"field":"a"}]}}`),
			[]Difference{{"body.details.causes order", `[{"field":"a"},{"field":"b"}]`, `[{"field":"b"},{"field":"a"}]`}}},
		{"something more in a list of names", answer(200, `{"a":["x","y"]}`), answer(200, `{"a":["x"]}`), []Difference{{"body.a.y", `"y"`, ""}}},
	} {
		if diff := cmp.Diff(c.want, Compare(c.upstream, c.ours)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
	}
}
