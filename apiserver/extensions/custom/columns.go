package custom

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/jsonpath"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// columns of the table: the name, and what the definition adds; the age where it adds nothing.
func (v *Version) columns() ([]metav1.TableColumnDefinition, func(resource.Object, time.Time) []any) {
	given := v.spec().AdditionalPrinterColumns
	if len(given) == 0 {
		given = []apiextensionsv1.CustomResourceColumnDefinition{{
			Name: "Age", Type: "date", JSONPath: ".metadata.creationTimestamp", Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"],
		}}
	}
	columns := resource.Columns("Name:name")
	var cells []func(map[string]any) any
	for _, column := range given {
		shown := metav1.TableColumnDefinition{
			Name: column.Name, Type: column.Type, Format: column.Format, Description: column.Description, Priority: column.Priority,
		}
		if shown.Description == "" {
			shown.Description = fmt.Sprintf("Custom resource definition column (in JSONPath format): %s", column.JSONPath)
		}
		columns, cells = append(columns, shown), append(cells, cellOf(column))
	}
	return columns, func(obj resource.Object, _ time.Time) []any {
		line := []any{obj.GetName()}
		for _, cell := range cells {
			line = append(line, cell(content(obj)))
		}
		return line
	}
}

// cellOf makes the function that finds a column's value. The path is parsed when it is first used.
func cellOf(column apiextensionsv1.CustomResourceColumnDefinition) func(map[string]any) any {
	return func(object map[string]any) any {
		finder := jsonpath.New(column.Name).AllowMissingKeys(true)
		if finder.Parse("{"+column.JSONPath+"}") != nil {
			return nil
		}
		results, err := finder.FindResults(object)
		if err != nil || len(results) == 0 || len(results[0]) == 0 {
			return nil
		}
		if column.Type == "string" {
			var text strings.Builder
			if finder.PrintResults(&text, results[0][:1]) != nil { // the first of several, as upstream shows
				return nil
			}
			return text.String()
		}
		return typedCell(results[0][0].Interface(), column.Type)
	}
}

// typedCell is the value as its column's type has it; what does not fit is left out.
func typedCell(value any, kind string) any {
	switch kind {
	case "integer":
		switch n := value.(type) {
		case int64, int32:
			return n
		case float64:
			return int64(n)
		}
	case "number":
		switch n := value.(type) {
		case float64:
			return n
		case int64:
			return float64(n)
		}
	case "boolean":
		if b, ok := value.(bool); ok {
			return b
		}
	case "date":
		if text, ok := value.(string); ok {
			var at metav1.Time
			if at.UnmarshalQueryParameter(text) != nil {
				return "<invalid>"
			}
			return resource.Age(at, time.Now())
		}
	}
	return nil
}

// textAt is a value as selectors compare it: "" for what is not there.
func textAt(object map[string]any, at []string) string {
	value, found, err := unstructured.NestedFieldNoCopy(object, at...)
	if err != nil || !found {
		return ""
	}
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

var _ runtime.Object = &unstructured.Unstructured{}
