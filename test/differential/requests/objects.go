package requests

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Namespace is where requests that follow from objects are at home.
const Namespace = "differential"

// object is an object of a file, and where it is served.
type object struct {
	file  string
	value *unstructured.Unstructured
	row   *resource.Resource
}

// readObjects reads the files that match.
func readObjects(patterns ...string) ([]object, error) {
	rows := apis.All()
	var all []object
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			for i, document := range strings.Split(string(data), "\n---\n") {
				value := &unstructured.Unstructured{}
				if err := yaml.Unmarshal([]byte(document), &value.Object); err != nil {
					return nil, fmt.Errorf("reading %s: %w", file, err)
				}
				name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".yaml"), ".in")
				if i > 0 {
					name = fmt.Sprint(name, "-", i+1)
				}
				o := object{file: name, value: value, row: rowOf(rows, value)}
				if o.row != nil {
					all = append(all, o)
				}
			}
		}
	}
	return all, nil
}

// rowOf finds the row that serves an object, nil for none that stores.
func rowOf(rows []*resource.Resource, value *unstructured.Unstructured) *resource.Resource {
	gvk := value.GroupVersionKind()
	for _, row := range rows {
		served := slices.ContainsFunc(row.Versions, func(v resource.Version) bool { return v.Name == gvk.Version && v.NewList != nil })
		if row.Group == gvk.Group && row.Kind == gvk.Kind && served {
			return row
		}
	}
	return nil
}

// collection is the path of all objects of its kind, in its namespace if it has one.
func (o *object) collection() string {
	gvk := o.value.GroupVersionKind()
	path := "/apis/" + gvk.Group + "/" + gvk.Version
	if gvk.Group == "" {
		path = "/api/" + gvk.Version
	}
	if o.row.Namespaced {
		path += "/namespaces/" + Namespace
	}
	return path + "/" + o.row.Name
}

func (o *object) path() string { return o.collection() + "/" + o.value.GetName() }

// home moves an object to the namespace of the requests.
func (o *object) home() {
	if o.row.Namespaced {
		o.value.SetNamespace(Namespace)
	}
}

// tries are creations that store nothing, of objects whose answers matter, good and bad.
func tries(objects []object) []Request {
	var all []Request
	for _, o := range objects {
		o.home()
		all = append(all, send("create "+o.row.Name, o.file, http.MethodPost, with(o.collection(), "dryRun=All&fieldManager=test"), o.value.Object))
	}
	return all
}
