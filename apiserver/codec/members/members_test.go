package members

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChangeMembers(t *testing.T) {
	for _, c := range []struct{ name, object, part, changed, want string }{
		{"one of several", `{"a":1,"b":{"c":[1,"}"]},"d":"x\"y"}`, `{"b":{"c":[1,"}"]}}`, `{"b":2}`, `{"a":1,"d":"x\"y","b":2}`},
		{"removed", `{"a":1,"b":2}`, `{"b":2}`, `{}`, `{"a":1}`},
		{"the only one removed", `{"b":2}`, `{"b":2}`, `{}`, `{}`},
		{"not there yet", `{"a":true}`, `{}`, `{"b":null}`, `{"a":true,"b":null}`},
		{"nothing there", `{}`, `{}`, `{"b":1}`, `{"b":1}`},
		{"a name in other letters", `{"a":1,"\u0062":2}`, `{"\u0062":2}`, `{"b":3}`, `{"a":1,"b":3}`},
		{"spaces", "{ \"a\" : -1.5e3 ,\n \"b\" : [ ] }\n", `{"b" : [ ]}`, ` { "b": 1 } `, `{"a" : -1.5e3,"b": 1}`},
	} {
		got, err := Change([]byte(c.object), func(name string) bool { return name == "b" }, func(part []byte) ([]byte, error) {
			if diff := cmp.Diff(c.part, string(part)); diff != "" {
				t.Errorf("%s: part:\n%s", c.name, diff)
			}
			return []byte(c.changed), nil
		})
		if err != nil || !json.Valid(got) {
			t.Errorf("%s: %v: %s", c.name, err, got)
		}
		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func TestChangeMembersOfWhatIsNone(t *testing.T) {
	all := func(string) bool { return true }
	same := func(part []byte) ([]byte, error) { return part, nil }
	for _, object := range []string{``, `[]`, `1`, `{`, `{"a"`, `{"a":`, `{a:1}`, `{,}`, `{"a":1`} {
		_, _ = Change([]byte(object), all, same) // comes to an end
	}
	refused := errors.New("refused")
	if _, err := Change([]byte(`{"a":1}`), all, func([]byte) ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}

// FuzzChangeMembers: members that are handed back as they are leave the object what it was.
func FuzzChangeMembers(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":{"b":["\\",{}]},"c":"\u00e9\""}`, ` { "x" : [ 1 , 2 ] , "y" : null } `, `{"":0}`} {
		f.Add(seed, "a")
	}
	f.Fuzz(func(t *testing.T, object, name string) {
		var before map[string]any
		if json.Unmarshal([]byte(object), &before) != nil || before == nil {
			return
		}
		got, err := Change([]byte(object), func(member string) bool { return member == name }, func(part []byte) ([]byte, error) { return part, nil })
		if err != nil {
			t.Fatalf("%q: %v", object, err)
		}
		var after map[string]any
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%q became %q: %v", object, got, err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("%q became %q:\n%s", object, got, diff)
		}
	})
}
