package admissiontest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Transcript is what is compared with a golden file.
type Transcript struct{ text strings.Builder }

// Answer adds what a server said.
func (r *Transcript) Answer(title string, a Answer) {
	fmt.Fprintf(&r.text, "== %s: %d\n", title, a.Code)
	for _, warning := range a.Warnings {
		fmt.Fprintf(&r.text, "Warning: %s\n", warning)
	}
	r.text.Write(clean(a.Body))
	r.text.WriteString("\n")
}

// Add adds anything else.
func (r *Transcript) Add(title string, data []byte) {
	fmt.Fprintf(&r.text, "== %s\n", title)
	r.text.Write(clean(data))
	r.text.WriteString("\n")
}

// clean takes what differs from run to run out of JSON, and sorts and indents it.
func clean(data []byte) []byte {
	var value any
	if json.Unmarshal(data, &value) != nil {
		return blur(bytes.TrimSpace(data))
	}
	value = scrub(value)
	out, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return data
	}
	return blur(out)
}

func scrub(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			switch key {
			case "creationTimestamp", "time", "lastTransitionTime", "authentication.kubernetes.io/credential-id":
				delete(v, key)
			case "uid", "resourceVersion":
				v[key] = "..."
			default:
				v[key] = scrub(inner)
			}
		}
		if extra, ok := v["extra"].(map[string]any); ok && len(extra) == 0 {
			delete(v, "extra")
		}
	case []any:
		for i := range v {
			v[i] = scrub(v[i])
		}
	}
	return value
}

func blur(data []byte) []byte {
	data = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAll(data, []byte("127.0.0.1:PORT"))
	data = regexp.MustCompile(`"generated-[a-z0-9]{5}"`).ReplaceAll(data, []byte(`"generated-RANDOM"`))
	data = regexp.MustCompile(`"kube-api-access-[a-z0-9]{5}"`).ReplaceAll(data, []byte(`"kube-api-access-RANDOM"`))
	return regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).ReplaceAll(data, []byte("UID"))
}

// Check compares with testdata/<name>.golden, or records it.
func (r *Transcript) Check(t *testing.T, name string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if Recording() {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(r.text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), r.text.String()); diff != "" {
		t.Errorf("upstream's answer (-) and ours (+):\n%s", diff)
	}
}
