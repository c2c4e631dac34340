package controllers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNamesAreUnique(t *testing.T) {
	names := Names()
	slices.Sort(names)
	if unique := slices.Compact(slices.Clone(names)); len(unique) != len(names) {
		t.Errorf("two controllers share a name: %v", names)
	}
}

// CVE-2020-8555: no controller fetches what an object names. They reach the cluster by the clients (an http.Client among them) that they are given.
func TestControllersFetchNothingByThemselves(t *testing.T) {
	forbidden := map[string][]string{
		"http": {"DefaultClient", "Get", "Head", "NewRequest", "NewRequestWithContext", "Post", "PostForm"},
		"net":  {"Dial", "DialTimeout", "Dialer", "LookupHost", "LookupIP"}, "tls": {"Dial", "Dialer"},
	}
	looked := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		looked++
		ast.Inspect(file, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := selector.X.(*ast.Ident); ok && slices.Contains(forbidden[pkg.Name], selector.Sel.Name) {
					t.Errorf("%s uses %s.%s", path, pkg.Name, selector.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || looked < 100 {
		t.Errorf("looked at %d files: %v", looked, err)
	}
}

func TestCloudControllersByName(t *testing.T) {
	for selected, want := range map[string]string{
		"*": "", "*,-route": "route", "*,-cloud-node-controller,-service-lb-controller": "cloudnode service", "service": "cloudnode cloudnodelifecycle route",
		"*,-rudder": `"rudder" is not in the list of known controllers: cloud-node-controller, cloud-node-lifecycle-controller, service-lb-controller, node-route-controller`,
	} {
		disabled, err := CloudDisabled(strings.Split(selected, ","))
		got := strings.Join(disabled, " ")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("--controllers=%s: %q, want %q", selected, got, want)
		}
	}
}

func TestManagedControllersByName(t *testing.T) {
	for selected, want := range map[string]string{
		"*":                              "bootstrapsigner ipaddressrepair certificates/approving-serving localpath tokencleaner",
		"*,bootstrapsigner,tokencleaner": "ipaddressrepair certificates/approving-serving localpath",
		"*,-csrsigning,-ttl-controller":  "bootstrapsigner certificates/signing ipaddressrepair certificates/approving-serving localpath tokencleaner nodettl",
		"*,-rudder":                      "error",
	} {
		disabled, err := ManagedDisabled(strings.Split(selected, ","))
		got := strings.Join(disabled, " ")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("--controllers=%s: %q, want %q", selected, got, want)
		}
	}
	var known []string
	for _, c := range managed() {
		known = append(known, strings.Split(c.ours, "/")[0])
	}
	for _, c := range all() {
		if !slices.Contains(known, c.name) {
			t.Errorf("kube-controller-manager knows no %s", c.name)
		}
	}
}
