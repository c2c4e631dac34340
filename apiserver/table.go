package apiserver

import (
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/tables"
)

// readTableOptions reads what of its objects a table is to carry.
func (c *call) readTableOptions() error {
	if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_TableOptions(query, &c.table, nil)
	}); err != nil {
		return err
	}
	if errs := validation.ValidateTableOptions(&c.table); len(errs) > 0 {
		return apierrors.NewBadRequest("Unable to convert to Table as requested: " + errs.ToAggregate().Error())
	}
	return nil
}

func (c *call) writeTable(code int, objects []resource.Object, meta metav1.ListMeta) error {
	table, err := c.tableOf(objects, meta)
	if err != nil {
		return err
	}
	return c.writeObject(code, table)
}

func (c *call) tableOf(objects []resource.Object, meta metav1.ListMeta) (*metav1.Table, error) {
	now := c.Clock.Now()
	table := &metav1.Table{
		TypeMeta:          metav1.TypeMeta{Kind: "Table", APIVersion: metav1.GroupName + "/" + c.accept.AsVersion},
		ListMeta:          meta,
		ColumnDefinitions: tables.Columns(c.at.row),
		Rows:              make([]metav1.TableRow, 0, len(objects)),
	}
	for _, obj := range objects {
		included, err := c.included(obj)
		if err != nil {
			return nil, err
		}
		table.Rows = append(table.Rows, tables.Row(c.at.row, obj, now, included))
	}
	return table, nil
}

// included is what a table's line carries of its object.
func (c *call) included(obj resource.Object) (runtime.Object, error) {
	switch c.table.IncludeObject {
	case metav1.IncludeNone:
		return nil, nil
	case metav1.IncludeObject:
		return c.at.versioned(obj)
	}
	return partialOf(obj), nil
}
