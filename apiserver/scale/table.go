package scale

import (
	"net/http"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// writeScale answers with a Scale in the form that the client asked for. Its table is its own, not that of its object.
func (c Verbs) writeScale(scale *autoscalingv1.Scale) error {
	switch {
	case c.Partial():
		return c.WriteObject(http.StatusOK, c.MetadataOf(scale))
	case c.Accept.As != "Table":
		return c.WriteObject(http.StatusOK, scale)
	}
	var included runtime.Object = c.MetadataOf(scale)
	switch c.Table.IncludeObject {
	case metav1.IncludeNone:
		included = nil
	case metav1.IncludeObject:
		included = scale
	}
	return c.WriteObject(http.StatusOK, &metav1.Table{
		TypeMeta:          metav1.TypeMeta{Kind: "Table", APIVersion: metav1.GroupName + "/" + c.Accept.AsVersion},
		ListMeta:          metav1.ListMeta{ResourceVersion: scale.ResourceVersion},
		ColumnDefinitions: c.columns(),
		Rows: []metav1.TableRow{{
			Cells:  []any{scale.Name, scale.Spec.Replicas, scale.Status.Replicas, resource.AgeOf(scale, c.Clock.Now())},
			Object: runtime.RawExtension{Object: included},
		}},
	})
}

// columns of a Scale: those of a custom resource are described in words of their own.
func (c Verbs) columns() []metav1.TableColumnDefinition {
	columns := resource.Columns("Name", "Desired:integer", "Available:integer", "Age")
	if c.At.Custom != nil {
		columns[0].Format, columns[3].Type = "name", "date"
		columns[1].Description, columns[2].Description = "Number of desired replicas", "Number of actual replicas"
		return columns
	}
	columns[1].Description = autoscalingv1.ScaleSpec{}.SwaggerDoc()["replicas"]
	columns[2].Description = autoscalingv1.ScaleStatus{}.SwaggerDoc()["replicas"]
	return columns
}
