package fieldmanager

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// clash is what a manager owns that an applied configuration would change.
type clash struct {
	who    id
	fields paths.Set
}

// clashes are those of all entries, by manager.
func (e entries) clashes(taken paths.Set) ([]clash, error) {
	var out []clash
	for _, one := range e {
		if len(taken) == 0 || !one.mayOwn([]paths.Set{taken}) {
			continue
		}
		if err := one.parse(); err != nil {
			return nil, err
		}
		if fields := one.fields.Intersect(taken); len(fields) > 0 {
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
		c.fields.Visit(nil, func(path fieldpath.Path) {
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
