package requests

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// Stored begins the names under which the answers that stored objects are saved.
const Stored = "stored-"

// changes are requests with an object in which one field was made wrong; they store nothing. Those that tried names are only
// created so; those to be stored are stored, and updated so, and read in every form.
func changes(tried, stored []object) []Request {
	var all []Request
	for _, o := range append(tried, stored...) {
		o.home()
		for _, m := range mutations(o.value.Object) {
			all = append(all, mutated("create "+o.row.Name, o.file+" "+m.name, http.MethodPost, o.collection(), m.object))
		}
	}
	// What is in no namespace is stored first of all, for the server itself writes to some of it.
	for _, o := range stored {
		if !o.row.Namespaced {
			all = append(all, store(o))
		}
	}
	for _, o := range stored {
		if o.row.Namespaced {
			all = append(all, store(o))
		}
		before := get("store "+o.row.Name, o.file+" before its updates", o.path(), "")
		before.Save = "current-" + o.file
		all = append(all, before)
		o.value.SetResourceVersion("${" + before.Save + ".resourceVersion}")
		for _, m := range mutations(o.value.Object) {
			all = append(all, mutated("update "+o.row.Name, o.file+" "+m.name, http.MethodPut, o.path(), m.object))
		}
		all = append(all, read(o)...)
		all = append(all, verbs(o)...)
		all = append(all, send("delete "+o.row.Name, o.file, http.MethodDelete, o.path(), map[string]any{}))
	}
	return all
}

func store(o object) Request {
	r := send("store "+o.row.Name, o.file, http.MethodPost, o.collection(), o.value.Object)
	r.Save = Stored + o.file
	return r
}

func mutated(area, name, method, path string, object map[string]any) Request {
	return send(area, name, method, with(path, "dryRun=All&fieldValidation=Strict&fieldManager=test"), object)
}

// mutation is an object in which something was changed.
type mutation struct {
	name   string
	object map[string]any
}

// replacement is what a field is replaced by; remove has the field removed.
type replacement struct {
	name  string
	value any
}

type remove struct{}

// mutations of an object: every field in it, in turn, replaced by what does not fit there.
func mutations(object map[string]any) []mutation {
	var all []mutation
	visit(object, "", func(path string, value any, set func(any)) {
		for _, r := range replacements(value) {
			set(r.value)
			all = append(all, mutation{name: path + " " + r.name, object: deepCopy(object)})
			set(value)
		}
	})
	return all
}

// visit calls with every field and element below a map; set replaces it.
func visit(value any, path string, call func(path string, value any, set func(any))) {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			inner, below := v[key], path+"."+key
			if below == ".apiVersion" || below == ".kind" || below == ".metadata.namespace" {
				continue
			}
			call(below, inner, func(replaced any) {
				if _, gone := replaced.(remove); gone {
					delete(v, key)
					return
				}
				v[key] = replaced
			})
			visit(inner, below, call)
		}
	case []any:
		for i, inner := range v {
			below := fmt.Sprintf("%s[%d]", path, i)
			call(below, inner, func(replaced any) {
				if _, gone := replaced.(remove); gone {
					replaced = nil
				}
				v[i] = replaced
			})
			visit(inner, below, call)
		}
	}
}

// replacements are what a value is tried with instead.
func replacements(value any) []replacement {
	gone := replacement{"missing", remove{}}
	switch v := value.(type) {
	case string:
		return []replacement{gone, {"empty", ""}, {"odd", "Not Valid!"}, {"other", other(v)}, {"a number", 42}}
	case float64, int64:
		return []replacement{gone, {"negative", -1}, {"zero", 0}, {"big", 70000}, {"a string", "x"}}
	case bool:
		return []replacement{gone, {"the other", !v}, {"a string", "x"}}
	case map[string]any:
		return []replacement{gone, {"empty", map[string]any{}}, {"with something unknown", extended(v)}, {"a list", []any{}}}
	case []any:
		all := []replacement{gone, {"empty", []any{}}, {"a map", map[string]any{}}}
		if len(v) > 0 {
			all = append(all, replacement{"with its first twice", append([]any{v[0]}, v...)})
		}
		return all
	}
	return nil
}

// other is a string like it that is not the same.
func other(s string) string { return s + "x" }

func extended(m map[string]any) map[string]any {
	out := maps.Clone(m)
	out["unknownField"] = "x"
	return out
}

func deepCopy(object map[string]any) map[string]any {
	var out map[string]any
	data, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		return object
	}
	return out
}

// tableForm and partialForm are what kubectl and metadata informers accept.
const (
	tableForm   = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
	partialForm = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
	partialList = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
)

// read are requests for a stored object and the list that it is in, in every form.
func read(o object) []Request {
	name := o.row.Name
	one := map[string]string{"json": "", "table": tableForm, "partial": partialForm, "yaml": YAML, "protobuf": Protobuf}
	var all []Request
	for _, form := range slices.Sorted(maps.Keys(one)) {
		all = append(all, get("get "+name, o.file+" "+form, o.path(), one[form]))
		accept := one[form]
		if form == "partial" {
			accept = partialList
		}
		if o.row.Namespaced { // lists of cluster-scoped kinds have what each server begins with
			all = append(all, get("list "+name, o.file+" "+form, o.collection(), accept))
		}
		all = append(all, get("list "+name, o.file+" alone "+form, with(o.collection(), "fieldSelector=metadata.name%3D"+o.value.GetName()), accept))
	}
	return append(all, get("list "+name, o.file+" by a label that none has", with(o.collection(), "labelSelector=none%3Dsuch"), ""))
}
