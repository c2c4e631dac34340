package read

import (
	"net/http"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// List answers with a page of the objects that the selectors choose, spliced from encodings that the cache keeps.
func (c Verbs) List() error {
	options, err := c.ListOptions()
	if err != nil {
		return err
	}
	selected, err := c.Selection(options.LabelSelector, options.FieldSelector)
	if err != nil {
		return err
	}
	page, err := c.Page(options, selected)
	if err != nil {
		return err
	}
	if err := c.At.Prepare(c.Context(), page.Entries); err != nil {
		return err
	}
	if c.Accept.As == "Table" {
		objects := make([]resource.Object, 0, len(page.Entries))
		for _, entry := range page.Entries {
			obj, err := c.At.Object(c.Context(), entry)
			if err != nil {
				return err
			}
			objects = append(objects, obj)
		}
		return c.WriteTable(http.StatusOK, objects, page.Meta)
	}
	items := make([][]byte, 0, len(page.Entries))
	for _, entry := range page.Entries {
		data, err := c.EncodedItem(entry)
		if err != nil {
			return err
		}
		items = append(items, data)
	}
	return c.WriteItems(http.StatusOK, items, page.Meta)
}
