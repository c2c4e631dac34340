package fieldmanager

import (
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// clash is what a manager owns that an applied configuration would change.
type clash struct {
	who    id
	fields fieldSet
}

// clashes are those of all entries, by manager.
func (e entries) clashes(taken fieldSet) ([]clash, error) {
	var out []clash
	for _, one := range e {
		if len(taken) == 0 || !one.mayOwn([]fieldSet{taken}) {
			continue
		}
		if err := one.parse(); err != nil {
			return nil, err
		}
		if fields := one.fields.intersect(taken); len(fields) > 0 {
			out = append(out, clash{who: one.id, fields: fields})
		}
	}
	slices.SortFunc(out, func(a, b clash) int { return a.who.compare(b.who) })
	return out, nil
}

// conflictOf is the answer to a configuration that clashes with what others own, nil for nothing.
func conflictOf(clashes []clash) error {
	var causes []metav1.StatusCause
	var lines []string
	for _, c := range clashes {
		who := c.who.String()
		lines = append(lines, fmt.Sprintf("conflicts with %s:", who))
		c.fields.visit(nil, func(path fieldpath.Path) {
			causes = append(causes, metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Message: "conflict with " + who, Field: path.String()})
			lines = append(lines, "- "+path.String())
		})
	}
	switch len(causes) {
	case 0:
		return nil
	case 1:
		return apierrors.NewApplyConflict(causes, fmt.Sprintf("Apply failed with 1 conflict: %s: %s", causes[0].Message, causes[0].Field))
	}
	return apierrors.NewApplyConflict(causes, fmt.Sprintf("Apply failed with %d conflicts: %s", len(causes), strings.Join(lines, "\n")))
}

// String is how a manager is called in a conflict.
func (i id) String() string {
	text := fmt.Sprintf("%q", i.manager)
	if i.subresource != "" {
		text += fmt.Sprintf(" with subresource %q", i.subresource)
	}
	if i.operation == metav1.ManagedFieldsOperationUpdate {
		text += " using " + i.version
	}
	return text
}

// visit calls see with each member of the set: those of a level in their order, then those below.
func (s fieldSet) visit(to fieldpath.Path, see func(fieldpath.Path)) {
	to = slices.Clip(to)
	for i := range s {
		if s[i].member {
			see(append(to, pathElement(s[i].element)))
		}
	}
	for i := range s {
		if len(s[i].children) > 0 {
			s[i].children.visit(append(to, pathElement(s[i].element)), see)
		}
	}
}

// intersect returns what is in both sets.
func (s fieldSet) intersect(other fieldSet) fieldSet {
	var out fieldSet
	for len(s) > 0 && len(other) > 0 {
		switch c := compareElements(s[0].element, other[0].element); {
		case c < 0:
			s = s[1:]
		case c > 0:
			other = other[1:]
		default:
			both := item{element: s[0].element, member: s[0].member && other[0].member, children: s[0].children.intersect(other[0].children)}
			if !both.empty() {
				out = append(out, both)
			}
			s, other = s[1:], other[1:]
		}
	}
	return out
}

// at returns what the set has at an element.
func (s fieldSet) at(element string) item {
	if len(s) > manyItems {
		if at, found := slices.BinarySearchFunc(s, element, func(i item, e string) int { return compareElements(i.element, e) }); found {
			return s[at]
		}
		return item{}
	}
	for i := range s {
		if s[i].element == element {
			return s[i]
		}
	}
	return item{}
}
