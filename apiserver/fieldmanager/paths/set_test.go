package paths

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// randomSet makes a set in both spellings.
func randomSet(random *rand.Rand) (*fieldpath.Set, Set) {
	names := []string{"a", "b", "spec", "x y", `q"uote`, "<b>", "ü"}
	s := fieldpath.NewSet()
	for range random.IntN(8) {
		var parts []any
		for range 1 + random.IntN(3) {
			switch random.IntN(3) {
			case 0:
				parts = append(parts, fieldpath.KeyByFields("port", random.IntN(3)*40, "protocol", names[random.IntN(len(names))]))
			case 1:
				parts = append(parts, fieldpath.KeyByFields("name", names[random.IntN(len(names))]))
			default:
				parts = append(parts, names[random.IntN(len(names))])
			}
		}
		s.Insert(fieldpath.MakePathOrDie(parts...))
	}
	raw, err := s.ToJSON()
	if err != nil {
		panic(err)
	}
	mine, asWritten, err := Parse(string(raw), false)
	if err != nil || !asWritten {
		panic(fmt.Sprintf("%s: %v, as written %v", raw, err, asWritten))
	}
	return s, mine
}

func TestSetsBehaveLikeTheReference(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		a, x := randomSet(random)
		b, y := randomSet(random)
		same(t, "union", a.Union(b), x.Union(y))
		rest, changed := x.Without(y)
		same(t, "difference", a.Difference(b), rest)
		if changed == a.Equals(a.Difference(b)) {
			t.Fatalf("difference of %v and %v says changed %v", a, b, changed)
		}
		same(t, "recursive difference", a.RecursiveDifference(b), x.WithoutBelow(y))
	}
}

func same(t *testing.T, what string, want *fieldpath.Set, got Set) {
	t.Helper()
	raw, err := want.ToJSON()
	if err != nil {
		t.Fatal(err)
	}
	if mine := string(got.AppendFields(nil)); mine != string(raw) {
		t.Fatalf("%s is\n     %s\nnot %s", what, mine, raw)
	}
}

func TestFieldsOfStrangersAreBroughtIntoShape(t *testing.T) {
	for raw, want := range map[string]string{
		` { "f:b": {}, "f:a" : {} } `:                     `{"f:a":{},"f:b":{}}`,
		`{"k:{\"b\":1,\"a\":\"x\"}":{}}`:                  `{"k:{\"a\":\"x\",\"b\":1}":{}}`,
		`{"f:a":{"f:b":{},".":{}}}`:                       `{"f:a":{".":{},"f:b":{}}}`,
		`{"f:a":{},"z:unknown":{}}`:                       `{"f:a":{}}`,
		`{"k:{\"port\":443}":{},"k:{\"port\":80}":{}}`:    `{"k:{\"port\":80}":{},"k:{\"port\":443}":{}}`,
		`{"f:\u0061":{}}`:                                 `{"f:a":{}}`,
		`{"v:\"b\"":{},"v:\"a\"":{}}`:                     `{"v:\"a\"":{},"v:\"b\"":{}}`,
		`{"f:metadata":{"f:labels":{".":{},"f:app":{}}}}`: `{"f:metadata":{"f:labels":{".":{},"f:app":{}}}}`,
		`{}`: `{}`,
	} {
		set, _, err := Parse(raw, false)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if got := string(set.AppendFields(nil)); got != want {
			t.Errorf("%s became %s, want %s", raw, got, want)
		}
	}
	for _, raw := range []string{``, `[]`, `{"f:a":1}`, `{"f:a"`, `{"f:a":{}`, `{"f:a":{}}x`, `nonsense`} {
		if set, _, err := Parse(raw, true); err == nil && len(set) > 1 {
			t.Errorf("%q was read as %v", raw, set)
		}
	}
}

// FuzzFields: fields that a client sends are read, brought into shape and refused as structured-merge-diff does.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		`{"f:a":{".":{},"f:b":{}}}`, `{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{}}}`, `{"v:1":{},"v:\"x\"":{}}`, `{"i:0":{}}`, ` {"f:b":{}, "f:a":{}}`,
		`{"f:a":{},"f:a":{"f:b":{}}}`, `{"f:\u0000":{}}`, `{"k:{}":{}}`, `{"x:a":{}}`, `{"f:a":null}`, `{`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var reference fieldpath.Set
		wantErr := reference.FromJSON(bytes.NewReader(raw))
		got, _, err := Parse(string(raw), false)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, want %v", raw, err, wantErr)
		}
		if err != nil {
			return
		}
		want, err := reference.ToJSON()
		if err != nil {
			return
		}
		if mine := got.AppendFields(nil); !bytes.Equal(mine, want) {
			t.Fatalf("%q is\n     %s\nnot %s", raw, mine, want)
		}
	})
}
