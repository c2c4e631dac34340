package answer

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/tables"
)

// WriteTable answers with objects as the lines of a table.
func (c *Answer) WriteTable(code int, objects []resource.Object, meta metav1.ListMeta) error {
	table, err := c.TableOf(objects, meta)
	if err != nil {
		return err
	}
	return c.WriteObject(code, table)
}

// TableOf shows objects as the lines of a table.
func (c *Answer) TableOf(objects []resource.Object, meta metav1.ListMeta) (*metav1.Table, error) {
	now := c.Clock.Now()
	table := &metav1.Table{
		TypeMeta:          metav1.TypeMeta{Kind: "Table", APIVersion: metav1.GroupName + "/" + c.Accept.AsVersion},
		ListMeta:          meta,
		ColumnDefinitions: tables.Columns(c.At.Row),
		Rows:              tables.NoRows(c.At.Row, len(objects)),
	}
	for _, obj := range tables.Ordered(c.At.Row, objects) {
		included, err := c.included(obj)
		if err != nil {
			return nil, err
		}
		table.Rows = append(table.Rows, tables.Row(c.At.Row, obj, now, included))
	}
	return table, nil
}

// included is what a table's line carries of its object.
func (c *Answer) included(obj resource.Object) (runtime.Object, error) {
	switch c.Table.IncludeObject {
	case metav1.IncludeNone:
		return nil, nil
	case metav1.IncludeObject:
		return c.At.Versioned(obj)
	}
	return c.MetadataOf(obj), nil
}
