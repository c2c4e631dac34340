package tables

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// nameFormat marks the column of names.
const nameFormat = "name"

// defaultColumns are those of a row that has none of its own.
func defaultColumns() []metav1.TableColumnDefinition {
	return []metav1.TableColumnDefinition{
		{Name: "Name", Type: "string", Format: nameFormat, Description: metav1.ObjectMeta{}.SwaggerDoc()["name"]},
		{Name: "Created At", Type: "date", Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"]},
	}
}

// Columns of a row's table.
func Columns(row *resource.Resource) []metav1.TableColumnDefinition {
	if row.Columns != nil {
		return row.Columns
	}
	return defaultColumns()
}

// NoRows has room for so many. A table that is empty has null in place of rows where a row has no columns of its own, as upstream's.
func NoRows(row *resource.Resource, room int) []metav1.TableRow {
	if room == 0 && row.Columns == nil {
		return nil
	}
	return make([]metav1.TableRow, 0, room)
}

// Ordered are the objects in the order of a table's lines.
func Ordered(row *resource.Resource, objects []resource.Object) []resource.Object {
	if row.RowOrder == nil {
		return objects
	}
	return slices.SortedStableFunc(slices.Values(objects), row.RowOrder)
}

// Row is one object's line. included is what it carries of the object.
func Row(row *resource.Resource, obj resource.Object, now time.Time, included runtime.Object) metav1.TableRow {
	line := metav1.TableRow{Object: runtime.RawExtension{Object: included}}
	if row.Cells == nil {
		line.Cells = []any{obj.GetName(), obj.GetCreationTimestamp().UTC().Format(time.RFC3339)}
	} else {
		line.Cells = row.Cells(obj, now)
	}
	if row.RowConditions != nil {
		line.Conditions = row.RowConditions(obj)
	}
	return line
}
