package read

import (
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/runs"
)

// List answers with a page of the objects that the selectors choose, spliced from encodings that the cache keeps.
func (c Verbs) List() error {
	options, err := c.ListOptions()
	if err != nil {
		return err
	}
	if options.ResourceVersion == "0" && c.At.Row.Name != "events" {
		options.Limit = 0 // whatever the cache has is not paged, which is upstream's way: its cache leaves events out
	}
	selected, err := c.Selection(options.LabelSelector, options.FieldSelector)
	if err != nil {
		return err
	}
	if c.whole(options, selected) {
		return c.listWhole(options)
	}
	page, err := c.Page(options, selected)
	if err != nil {
		return err
	}
	if c.Accept.As != "Table" {
		items, err := c.items(page.Entries)
		if err != nil {
			return err
		}
		return c.WriteItems(http.StatusOK, runs.Once(items), page.Meta)
	}
	if err := c.At.Prepare(c.Context(), page.Entries); err != nil {
		return err
	}
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

// whole says whether all objects of a namespace, or of all, are asked for as they are now, in encodings that are kept.
func (c Verbs) whole(options *metav1.ListOptions, selected *Selection) bool {
	return selected.empty() && options.Limit == 0 && options.Continue == "" && options.ResourceVersionMatch != metav1.ResourceVersionMatchExact &&
		c.Accept.As != "Table" && !c.At.KeepsPacked()
}

// listWhole answers with all objects. Who asks for the same again need not look at each of them, but at what has changed.
func (c Verbs) listWhole(options *metav1.ListOptions) error {
	if err := c.waitForList(options.ResourceVersion); err != nil {
		return err
	}
	snapshot := c.At.Cached.Snapshot()
	items, err := snapshot.Encodings(c.namespaceOfKeys(), c.EncodingKey(), c.items)
	if err != nil {
		return err
	}
	c.At.Cached.Listed(options.ResourceVersion == "", items.Len(), items.Len())
	return c.WriteItems(http.StatusOK, items, metaOf(snapshot))
}

// items are entries as they are shown in a list.
func (c Verbs) items(entries []*cache.Entry) ([][]byte, error) {
	if err := c.At.Prepare(c.Context(), entries); err != nil {
		return nil, err
	}
	items := make([][]byte, 0, len(entries))
	for _, entry := range entries {
		data, err := c.EncodedItem(entry)
		if err != nil {
			return nil, err
		}
		items = append(items, data)
	}
	return items, nil
}
