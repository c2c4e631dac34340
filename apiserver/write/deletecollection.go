package write

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// DeleteCollection deletes each object that the selectors choose, as if it were deleted by name, and answers
// with the list of them.
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
	page, err := c.Page(listing, selected)
	if err != nil {
		return err
	}
	var deleted []resource.Object
	for _, entry := range page.Entries {
		// A collection may span namespaces only where there are none.
		obj, _, err := c.DeleteNamed(c.Context(), entry.Name, options)
		switch {
		case apierrors.IsNotFound(err):
			continue
		case err != nil:
			return err
		}
		deleted = append(deleted, obj)
	}
	return c.WriteList(http.StatusOK, deleted, metav1.ListMeta{ResourceVersion: page.Meta.ResourceVersion})
}
