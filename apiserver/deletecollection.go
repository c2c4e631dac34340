package apiserver

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// deleteCollection deletes each object that the selectors choose, as if it were deleted by name, and answers
// with the list of them.
func (c *call) deleteCollection() error {
	listing, err := c.listOptions()
	if err != nil {
		return err
	}
	selected, err := c.selection(listing.LabelSelector, listing.FieldSelector)
	if err != nil {
		return err
	}
	options, err := c.deleteOptions()
	if err != nil {
		return err
	}
	page, err := c.page(listing, selected)
	if err != nil {
		return err
	}
	var deleted []resource.Object
	for _, entry := range page.entries {
		// A collection may span namespaces only where there are none.
		obj, _, err := c.deleteNamed(c.ctx(), entry.Name, options)
		switch {
		case apierrors.IsNotFound(err):
			continue
		case err != nil:
			return err
		}
		deleted = append(deleted, obj)
	}
	return c.writeList(http.StatusOK, deleted, metav1.ListMeta{ResourceVersion: page.meta.ResourceVersion})
}
