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
		ColumnDefinitions: scaleColumns(),
		Rows: []metav1.TableRow{{
			Cells:  []any{scale.Name, scale.Spec.Replicas, scale.Status.Replicas, resource.AgeOf(scale, c.Clock.Now())},
			Object: runtime.RawExtension{Object: included},
		}},
	})
}

func scaleColumns() []metav1.TableColumnDefinition {
	columns := resource.Columns("Name", "Desired:integer", "Available:integer", "Age")
	columns[1].Description = autoscalingv1.ScaleSpec{}.SwaggerDoc()["replicas"]
	columns[2].Description = autoscalingv1.ScaleStatus{}.SwaggerDoc()["replicas"]
	return columns
}
