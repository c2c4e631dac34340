package golden

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/controllers"
)

// pause is the time that passes after a step that says nothing of it: more than what any controller collects changes for.
const pause = 10 * time.Second

// step is one document of a case.
type step struct {
	object    *unstructured.Unstructured // nil: only time passes
	after     time.Duration
	part      string // the subresource that is applied alone, "" for the object and its status
	cloud     string // what becomes of its machines first
	delete    bool
	propagate metav1.DeletionPropagation // "" is the kind's default
}

// script is a case.
type script struct {
	nodes int
	gates map[string]string
	// enabled are components that are left out of other cases.
	enabled []string
	cloud   bool
	// flags are set for the controllers, by name.
	flags map[string]string
	// accounts are those of whom writes are shown.
	accounts []string
	steps    []step
}

func parse(data []byte) (*script, error) {
	s := &script{gates: map[string]string{}, flags: map[string]string{}}
	for i, document := range bytes.Split(data, []byte("\n---\n")) {
		one, err := s.parseStep(document)
		if err != nil {
			return nil, fmt.Errorf("reading document %d: %w", i+1, err)
		}
		s.steps = append(s.steps, one)
	}
	return s, nil
}

func (s *script) parseStep(document []byte) (step, error) {
	one := step{after: pause}
	object := map[string]any{}
	if err := yaml.UnmarshalStrict(document, &object); err != nil {
		return step{}, err
	}
	if len(object) > 0 {
		one.object = &unstructured.Unstructured{Object: object}
	}
	for line := range strings.Lines(string(document)) {
		comment, is := strings.CutPrefix(strings.TrimSpace(line), "# ")
		if !is {
			break
		}
		if err := s.parseComment(&one, strings.Fields(comment)); err != nil {
			return step{}, fmt.Errorf("%q: %w", comment, err)
		}
	}
	return one, nil
}

func (s *script) parseComment(one *step, words []string) (err error) {
	word, values := words[0], words[1:]
	switch {
	case word == "wait" && len(values) == 0 && one.object == nil:
	case word == "after" && len(values) == 1:
		one.after, err = time.ParseDuration(values[0])
	case word == "delete" && len(values) <= 1:
		one.delete, one.propagate = true, metav1.DeletionPropagation(strings.Join(values, ""))
	case word == "nodes" && len(values) == 1:
		s.nodes, err = strconv.Atoi(values[0])
	case word == "part" && len(values) == 1:
		one.part = values[0]
	case word == "cloud" && len(values) == 1 && slices.Contains(states(), values[0]):
		one.cloud, s.cloud = values[0], true
	case word == "enable" && len(values) > 0:
		s.enabled = values
	case word == "flag" && len(values) == 2 && flags[values[0]] != nil:
		s.flags[values[0]] = values[1]
		err = flags[values[0]](&controllers.Deps{}, values[1])
	case word == "of" && len(values) > 0:
		s.accounts = values
	case word == "gates" && len(values) > 0:
		for _, value := range values {
			gate, on, _ := strings.Cut(value, "=")
			s.gates[gate] = on
		}
	default:
		err = fmt.Errorf("not a comment that says what to do (see doc.go)")
	}
	return err
}

// String is what the step does, as in a heading.
func (s step) String() string {
	if s.object == nil {
		return fmt.Sprintf("%s pass", s.after)
	}
	verb := "apply"
	if s.delete {
		verb = strings.TrimSpace("delete " + string(s.propagate))
	}
	if s.part != "" {
		verb += " " + s.part + " of"
	}
	return fmt.Sprintf("%s %s, %s pass", verb, nameOf(s.object.GetKind(), s.object.GetNamespace(), s.object.GetName()), s.after)
}

func nameOf(kind, namespace, name string) string {
	if namespace != "" {
		name = namespace + "/" + name
	}
	return kind + " " + name
}
