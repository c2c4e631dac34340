package resource

import (
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// Words that stand in a table for what is not there.
const (
	None    = "<none>"
	Unset   = "<unset>"
	Unknown = "<unknown>"
)

// Columns makes the columns of a table. Each is written as its name, and after a colon what is special:
// "Desired:integer", "IP:wide" (shown by -o wide only), "Name:name" (names the object).
func Columns(columns ...string) []metav1.TableColumnDefinition {
	out := make([]metav1.TableColumnDefinition, 0, len(columns))
	for _, column := range columns {
		name, words, _ := strings.Cut(column, ":")
		c := metav1.TableColumnDefinition{Name: name, Type: "string"}
		for _, word := range strings.Fields(words) {
			switch word {
			case "name":
				c.Format = "name"
			case "wide":
				c.Priority = 1
			default:
				c.Type = word
			}
		}
		switch name {
		case "Name":
			c.Description = metav1.ObjectMeta{}.SwaggerDoc()["name"]
		case "Age", "Created At":
			c.Description = metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"]
		}
		out = append(out, c)
	}
	return out
}

// Describe gives columns their descriptions, by resource and column. It returns the rows.
func Describe(rows []*Resource, texts map[string]map[string]string) []*Resource {
	for _, row := range rows {
		for i := range row.Columns {
			if text, ok := texts[row.Name][row.Columns[i].Name]; ok {
				row.Columns[i].Description = text
			}
		}
	}
	return rows
}

// Age is how long ago t was, as people read it: "5m", "3d4h".
func Age(t metav1.Time, now time.Time) string {
	if t.IsZero() {
		return Unknown
	}
	return duration.HumanDuration(now.Sub(t.Time))
}

// AgeOf is the age of an object.
func AgeOf(obj metav1.Object, now time.Time) string {
	return Age(obj.GetCreationTimestamp(), now)
}

// OrNone is the text itself, or <none> when it is empty.
func OrNone(text string) string {
	if text == "" {
		return None
	}
	return text
}

// FirstOf joins up to limit items, and says how many there are beside them.
func FirstOf(items []string, limit int, empty string) string {
	if len(items) == 0 {
		return empty
	}
	return strings.Join(items[:min(limit, len(items))], ",") + More(len(items)-limit)
}

// More says that a list was cut.
func More(n int) string {
	if n <= 0 {
		return ""
	}
	return " + " + strconv.Itoa(n) + " more..."
}
