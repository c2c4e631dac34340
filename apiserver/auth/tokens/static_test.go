package tokens

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/user"
)

func TestStaticTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.csv")
	load := func(content string) (*Static, error) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return LoadStatic(context.Background(), path)
	}
	static, err := load("a,alice,1,\"g1,g2\"\nb,bob,2\n,nobody,3\nb,second bob,4,ops\n\"with,comma\",carol,5,\n")
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]*user.DefaultInfo{
		"a":          {Name: "alice", UID: "1", Groups: []string{"g1", "g2"}},
		"b":          {Name: "second bob", UID: "4", Groups: []string{"ops"}},
		"with,comma": {Name: "carol", UID: "5"},
	} {
		response, ok, err := static.AuthenticateToken(context.Background(), token)
		if err != nil || !ok || !cmp.Equal(response.User, user.Info(want)) {
			t.Errorf("%s: %v %v %+v", token, ok, err, response)
		}
	}
	for _, token := range []string{"", "c"} {
		if _, ok, _ := static.AuthenticateToken(context.Background(), token); ok {
			t.Errorf("%q was accepted", token)
		}
	}
	for content, want := range map[string]string{
		"a,b\n": "token file '" + path + "' must have at least 3 columns (token, user name, user uid), found 2",
		"a,\"b": "parse error on line 1, column 5: extraneous or missing \" in quoted-field",
	} {
		if _, err := load(content); err == nil || err.Error() != want {
			t.Errorf("%q: %v", content, err)
		}
	}
	if _, err := LoadStatic(context.Background(), filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}
