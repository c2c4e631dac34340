package read

import (
	"path"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// FuzzContinue: a token from a client leads to no key outside of what the list is of, and one of ours is understood.
func FuzzContinue(f *testing.F) {
	const prefix = "/registry/pods/default/"
	f.Add(makeContinue(7, prefix+"p1\x00", prefix), "p2")
	f.Add(makeContinue(-1, prefix+"../../secrets/", prefix), "..")
	f.Add("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi8ifQ", "a/../b")
	f.Fuzz(func(t *testing.T, text, name string) {
		if c, err := parseContinue(text, prefix); err == nil {
			if cleaned := path.Clean(c.start); !strings.HasPrefix(cleaned+"/", prefix) {
				t.Fatalf("%q leads to %q", text, c.start)
			}
		}
		if name == "" || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." || strings.ToValidUTF8(name, "") != name {
			return
		}
		c, err := parseContinue(makeContinue(7, prefix+name, prefix), prefix)
		if err != nil || c.revision != 7 || c.start != prefix+name {
			t.Fatalf("%q came back as %+v, %v", name, c, err)
		}
	})
}

// FuzzSelection: a selector that is accepted can be asked about any object, and means the same when it is read again.
func FuzzSelection(f *testing.F) {
	for _, seed := range [][2]string{
		{"app=web,tier!=db", "metadata.name=p"}, {"a in (b,c),!d,e notin (),f>1", "status.phase!=Running,spec.nodeName="},
		{"x.y/z==1", `metadata.namespace=a\,b\=c\\`}, {"(", "a=b=c"}, {"app in (", "spec.unknown=1"},
	} {
		f.Add(seed[0], seed[1], "app", "web")
	}
	row := resource.Find(apis.All(), "", "pods")
	f.Fuzz(func(t *testing.T, labelText, fieldText, key, value string) {
		s, err := ParseSelection(row, labelText, fieldText)
		if err != nil {
			return
		}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: value, Namespace: key, Labels: map[string]string{key: value}}}
		matched := s.Matches(pod)
		labelText, fieldText = "", ""
		if s.labels != nil {
			labelText = s.labels.String()
		}
		if s.fields != nil {
			fieldText = s.fields.String()
		}
		again, err := ParseSelection(row, labelText, fieldText)
		if err != nil {
			t.Fatalf("%q %q is not read again: %v", labelText, fieldText, err)
		}
		if again.Matches(pod) != matched {
			t.Fatalf("%q %q matches another time", labelText, fieldText)
		}
	})
}
