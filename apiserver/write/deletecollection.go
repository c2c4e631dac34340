package write

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// DeleteCollection deletes each object that the selectors choose, as if it were deleted by name, and answers
// with the list of them as they were.
func (c Verbs) DeleteCollection() error {
	listing, err := c.ListOptions()
	if err != nil {
		return err
	}
	selected, err := c.Selection(listing.LabelSelector, listing.FieldSelector)
	if err != nil {
		return err
	}
	options, err := c.DeleteOptions()
	if err != nil {
		return err
	}
	c.deletion().Warn(c.Context(), options)
	page, err := c.Page(listing, selected)
	if err != nil {
		return err
	}
	if err := c.At.Prepare(c.Context(), page.Entries); err != nil {
		return err
	}
	listed := make([]resource.Object, 0, len(page.Entries))
	for _, entry := range page.Entries {
		obj, err := c.At.Object(c.Context(), entry)
		if err != nil {
			return err
		}
		listed = append(listed, obj)
		// A collection may span namespaces only where there are none.
		if _, _, err := c.DeleteNamed(c.Context(), entry.Name, options); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return c.WriteList(http.StatusOK, listed, page.Meta)
}
