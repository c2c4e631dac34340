package request

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/fields"
)

// Info is what a request asks for.
type Info struct {
	// IsResource is set below /api/<version>/ and /apis/<group>/<version>/.
	IsResource bool
	Path       string
	// Verb is get, list, watch, create, update, patch, delete or deletecollection for resources, else the method in lower case.
	Verb                 string
	Prefix               string // "api" or "apis"
	Group, Version       string
	Namespace            string
	Resource, Name       string
	Subresource          string
	Rest                 []string // path segments behind the subresource
	AllNamespaces        bool
	LegacyWatch          bool   // /api/v1/watch/…
	LabelText, FieldText string // selectors, verbatim
	// Limit is how many objects a list asks for at once; 0 means all.
	Limit int
	// Initial says that a watch begins with the objects that there are.
	Initial bool
	// Nested says that it is asked in the course of another request, which has had its turn.
	Nested bool
}

// LongRunning requests have no deadline and are not counted against the limits.
func (i *Info) LongRunning() bool {
	if i.Verb == "watch" {
		return true
	}
	if !i.IsResource {
		return false
	}
	switch i.Subresource {
	case "attach", "exec", "proxy", "log", "portforward":
		return true
	}
	return false
}

var methodVerbs = map[string]string{
	http.MethodPost: "create", http.MethodGet: "get", http.MethodHead: "get",
	http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
}

// objectsOfNamespaces are the subresources of a namespace: what follows a namespace's name and is none of them is a resource in it.
var objectsOfNamespaces = []string{"status", "finalize"}

// Parse reads the request line.
func Parse(r *http.Request) *Info {
	info := &Info{Path: r.URL.Path, Verb: strings.ToLower(r.Method)}
	parts := segments(r.URL.Path)
	if len(parts) < 3 {
		return info
	}
	switch parts[0] {
	case "api":
		info.Prefix, parts = "api", parts[1:]
	case "apis":
		if len(parts) < 4 {
			return info
		}
		info.Prefix, info.Group, parts = "apis", parts[1], parts[2:]
	default:
		return info
	}
	info.IsResource, info.Version, parts = true, parts[0], parts[1:]
	info.Verb = methodVerbs[r.Method]
	if parts[0] == "watch" && len(parts) > 1 {
		info.LegacyWatch, info.Verb, parts = true, "watch", parts[1:]
	}
	info.readObject(parts)
	info.readQuery(r)
	return info
}

func (i *Info) readObject(parts []string) {
	if parts[0] == "namespaces" && len(parts) > 1 {
		i.Namespace = parts[1]
		if len(parts) > 2 && !slices.Contains(objectsOfNamespaces, parts[2]) {
			parts = parts[2:]
		}
	}
	i.Resource = parts[0]
	if len(parts) > 1 {
		i.Name = parts[1]
	}
	if len(parts) > 2 {
		i.Subresource = parts[2]
	}
	if len(parts) > 3 {
		i.Rest = parts[3:]
	}
}

func (i *Info) readQuery(r *http.Request) {
	if i.Name != "" && !i.LegacyWatch {
		return
	}
	if i.Verb != "get" && i.Verb != "delete" && !i.LegacyWatch {
		return
	}
	query := r.URL.Query()
	i.LabelText, i.FieldText = query.Get("labelSelector"), query.Get("fieldSelector")
	switch {
	case i.LegacyWatch:
	case i.Verb == "delete":
		i.Verb = "deletecollection"
	case Switched(query, "watch"):
		i.Verb = "watch"
	default:
		i.Verb = "list"
		i.Limit, _ = strconv.Atoi(query.Get("limit")) // what is no number is refused by the list
	}
	if i.Verb == "watch" {
		i.Initial = startsWithAll(query)
	}
	// A selector of one name asks for one object, and can be authorized as that.
	if selector, err := fields.ParseSelector(i.FieldText); err == nil && i.Name == "" {
		if name, found := selector.RequiresExactMatch("metadata.name"); found && !strings.ContainsAny(name, "/%") && name != "." && name != ".." {
			i.Name = name
		}
	}
}

// startsWithAll: sendInitialEvents says so; without it, a watch from no revision or any.
func startsWithAll(query url.Values) bool {
	if query.Get("sendInitialEvents") != "" {
		return Switched(query, "sendInitialEvents")
	}
	version := query.Get("resourceVersion")
	return version == "" || version == "0"
}

// Switched says whether a query turns something on: it names it, and does not say 0 or false of it.
func Switched(query url.Values, name string) bool {
	if !query.Has(name) {
		return false
	}
	value := strings.ToLower(query.Get(name))
	return value != "0" && value != "false"
}

func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}
