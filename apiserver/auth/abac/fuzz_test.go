package abac

import "testing"

// A line is a policy or an error, and an error allows nothing.
func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"user":"a"}`, version + `{"user":"*","resource":"pods"}}`, `{"apiVersion":"v0","kind":"Policy"}`, `{"spec":{"user":"a"}}`, `{"kind":3}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		p, err := parse(line)
		if (p == nil) != (err != nil) {
			t.Fatalf("%v %v", p, err)
		}
		if p != nil && p.allows(request("system:anonymous get :secrets default")) && p.User != "system:anonymous" && p.Group != "system:unauthenticated" {
			t.Errorf("%s lets anybody in", line)
		}
	})
}
