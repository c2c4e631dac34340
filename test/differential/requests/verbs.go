package requests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// verbs are requests of every verb, right and wrong, that are about a stored object and alike for all kinds. But for a label
// that a watch sees coming they store nothing.
func verbs(o object) []Request {
	v := verbsOf{object: o, area: "verbs " + o.row.Name}
	v.creations()
	v.updates()
	v.patches()
	v.subresources()
	v.reads()
	v.deletions()
	v.refusals()
	v.watches()
	return v.all
}

// verbsOf collects requests about one object.
type verbsOf struct {
	object
	area string
	all  []Request
}

// dry are the parameters of a write that stores nothing.
const dry = "dryRun=All&fieldManager=verbs"

func (v *verbsOf) add(name, method, path, contentType, body string) {
	header := map[string]string{}
	if contentType != "" {
		header["Content-Type"] = contentType
	}
	v.all = append(v.all, Request{Area: v.area, Name: v.file + " " + name, Method: method, Path: path, Body: body, Header: header})
}

// body is the object as it was sent before, with fields of its metadata replaced; nil removes one.
func (v *verbsOf) body(metadata map[string]any) map[string]any {
	out := deepCopy(v.value.Object)
	meta, _ := out["metadata"].(map[string]any)
	delete(meta, "resourceVersion")
	maps.Copy(meta, metadata)
	maps.DeleteFunc(meta, func(_ string, value any) bool { return value == nil })
	return out
}

func text(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error() // what cannot be encoded is a bad body, which is welcome
	}
	return string(data)
}

// inProtobuf is the object as clients of client-go send it; a kind that cannot be sent so is a bad body, which is welcome.
func (v *verbsOf) inProtobuf() string {
	gvk := v.value.GroupVersionKind()
	i := slices.IndexFunc(v.row.Versions, func(version resource.Version) bool { return version.Name == gvk.Version })
	typed := v.row.Versions[i].New()
	data, err := json.Marshal(v.body(nil))
	if err == nil {
		err = json.Unmarshal(data, typed)
	}
	var out bytes.Buffer
	if err == nil {
		typed.GetObjectKind().SetGroupVersionKind(gvk)
		err = protobuf.NewSerializer(runtime.NewScheme(), runtime.NewScheme()).Encode(typed, &out)
	}
	if err != nil {
		return err.Error()
	}
	return out.String()
}

func (v *verbsOf) creations() {
	to := with(v.collection(), dry)
	v.add("create again", http.MethodPost, to, JSON, text(v.body(nil)))
	v.add("create at a version", http.MethodPost, to, JSON, text(v.body(map[string]any{"name": "gen-a", "resourceVersion": "1"})))
	v.add("create with a generated name", http.MethodPost, to, JSON, text(v.body(map[string]any{"name": nil, "generateName": "gen-"})))
	v.add("create with an odd generated name", http.MethodPost, to, JSON, text(v.body(map[string]any{"name": nil, "generateName": "Not Valid"})))
	v.add("create elsewhere", http.MethodPost, to, JSON, text(v.body(map[string]any{"namespace": "other"})))
	v.add("create in YAML", http.MethodPost, to, YAML, text(v.body(map[string]any{"name": v.value.GetName() + "2"})))
	v.add("create in protobuf", http.MethodPost, to, Protobuf, v.inProtobuf())
	v.add("create with something unknown", http.MethodPost, to, JSON, text(v.body(map[string]any{"name": v.value.GetName() + "2", "odd": 1})))
	v.add("create below a name", http.MethodPost, with(v.path(), dry), JSON, text(v.body(nil)))
}

func (v *verbsOf) updates() {
	path, none := with(v.path(), dry), with(v.collection()+"/gen-none", dry)
	v.add("update without a version", http.MethodPut, path, JSON, text(v.body(map[string]any{"labels": map[string]any{"a": "b"}})))
	v.add("update with nothing new", http.MethodPut, path, JSON, text(v.value.Object))
	v.add("update of what was", http.MethodPut, path, JSON, text(v.body(map[string]any{"resourceVersion": "1"})))
	v.add("update of another", http.MethodPut, path, JSON, text(v.body(map[string]any{"uid": "12345678-1234-1234-1234-123456789012"})))
	v.add("update of another name", http.MethodPut, path, JSON, text(v.body(map[string]any{"name": "gen-other"})))
	v.add("update of what is not there", http.MethodPut, none, JSON, text(v.body(map[string]any{"name": "gen-none"})))
	v.add("update of a version that is not there", http.MethodPut, none, JSON, text(v.body(map[string]any{"name": "gen-none", "resourceVersion": "1"})))
	v.add("update of all", http.MethodPut, with(v.collection(), dry), JSON, text(v.body(nil)))
	v.add("update with finalizers", http.MethodPut, path, JSON,
		text(v.body(map[string]any{"resourceVersion": v.value.GetResourceVersion(), "finalizers": []any{"example.com/a", "odd"}})))
	v.add("update with owners", http.MethodPut, path, JSON, text(v.body(map[string]any{"resourceVersion": v.value.GetResourceVersion(),
		"ownerReferences": []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b", "controller": true}}})))
}

func (v *verbsOf) patches() {
	path := with(v.path(), dry)
	label := `{"metadata":{"labels":{"verbs":"x"},"annotations":{"none":null}}}`
	v.add("merge", http.MethodPatch, path, patches["merge"], label)
	v.add("merge something unknown", http.MethodPatch, path+"&fieldValidation=Strict", patches["merge"], `{"metadata":{"odd":1},"odd":2}`)
	v.add("merge another kind", http.MethodPatch, path, patches["merge"], `{"kind":"Odd"}`)
	v.add("merge strategically", http.MethodPatch, path, patches["strategic"], `{"metadata":{"labels":{"verbs":"x"},"finalizers":["example.com/a"]}}`)
	v.add("patch", http.MethodPatch, path, patches["json"], `[{"op":"add","path":"/metadata/annotations","value":{"a":"b"}},{"op":"remove","path":"/none"}]`)
	v.add("patch after a test", http.MethodPatch, path, patches["json"],
		fmt.Sprintf(`[{"op":"test","path":"/metadata/name","value":%q},{"op":"add","path":"/metadata/annotations","value":{"a":"b"}}]`, v.value.GetName()))
	v.add("patch after a test that fails", http.MethodPatch, path, patches["json"], `[{"op":"test","path":"/metadata/name","value":"none"}]`)
	v.add("patch all", http.MethodPatch, with(v.collection(), dry), patches["merge"], label)

	applied := map[string]any{"apiVersion": v.value.GetAPIVersion(), "kind": v.value.GetKind(),
		"metadata": map[string]any{"name": v.value.GetName(), "labels": map[string]any{"verbs": "x"}}}
	v.add("apply", http.MethodPatch, path, patches["apply"], text(v.body(nil)))
	v.add("apply a label", http.MethodPatch, path, patches["apply"], text(applied))
	v.add("apply by force", http.MethodPatch, path+"&force=true", patches["apply"], text(v.body(map[string]any{"labels": map[string]any{"a": "c"}})))
	v.add("apply a name", http.MethodPatch, with(v.collection()+"/gen-applied", dry), patches["apply"], text(v.body(map[string]any{"name": "gen-applied"})))
	v.add("apply without a manager", http.MethodPatch, with(v.path(), "dryRun=All"), patches["apply"], text(applied))
	applied["odd"] = 1
	v.add("apply something unknown", http.MethodPatch, path, patches["apply"], text(applied))
}

func (v *verbsOf) subresources() {
	for _, name := range []string{"status", "scale"} {
		below := v.path() + "/" + name
		v.add(name, http.MethodGet, below, "", "")
		if !slices.ContainsFunc(v.row.Subresources, func(s resource.Subresource) bool { return s.Name == name }) {
			v.add(name+" put", http.MethodPut, with(below, dry), JSON, text(v.value.Object))
			continue
		}
		v.all = append(v.all, get(v.area, v.file+" "+name+" table", below, tableForm))
		v.add(name+" create", http.MethodPost, with(below, dry), JSON, "{}")
		v.add(name+" delete", http.MethodDelete, below, "", "")
		v.add(name+" patch", http.MethodPatch, with(below, dry), patches["json"], `[{"op":"add","path":"/metadata/annotations","value":{"a":"b"}}]`)
	}
	if slices.ContainsFunc(v.row.Subresources, func(s resource.Subresource) bool { return s.Name == "status" }) {
		v.status(with(v.path()+"/status", dry))
	}
	if slices.ContainsFunc(v.row.Subresources, func(s resource.Subresource) bool { return s.Name == "scale" }) {
		v.scale(with(v.path()+"/scale", dry))
	}
}

func (v *verbsOf) status(path string) {
	changed := v.body(map[string]any{"labels": map[string]any{"s": "t"}, "annotations": map[string]any{"s": "t"}, "finalizers": []any{"example.com/s"}})
	changed["spec"] = map[string]any{}
	changed["status"] = map[string]any{"conditions": []any{}}
	v.add("status put", http.MethodPut, path, JSON, text(v.value.Object))
	v.add("status put with all else", http.MethodPut, path, JSON, text(changed))
	v.add("status put of another", http.MethodPut, path, JSON, text(v.body(map[string]any{"uid": "12345678-1234-1234-1234-123456789012"})))
	v.add("status merge", http.MethodPatch, path+"&fieldValidation=Strict", patches["merge"], `{"metadata":{"labels":{"s":"t"}},"spec":{"odd":1},"status":{"odd":1}}`)
	v.add("status merge odd", http.MethodPatch, path, patches["merge"], `{"status":{"conditions":[{"type":"A","status":"Odd","reason":"a b"}]}}`)
	condition := map[string]any{"type": "A", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": "2020-01-01T00:00:00Z"}
	for _, conditions := range [][]any{{condition}, {condition, condition}, {map[string]any{"type": ""}}} {
		v.add(fmt.Sprint("status merge of conditions ", text(conditions)), http.MethodPatch, path, patches["merge"],
			text(map[string]any{"status": map[string]any{"conditions": conditions}}))
	}
	v.add("status merge nothing", http.MethodPatch, path, patches["merge"], `{"status":null}`)
	v.add("status merge no map", http.MethodPatch, path, patches["merge"], `{"status":"x"}`)
	v.add("status apply", http.MethodPatch, path, patches["apply"], text(map[string]any{"apiVersion": v.value.GetAPIVersion(), "kind": v.value.GetKind(),
		"metadata": map[string]any{"name": v.value.GetName(), "labels": map[string]any{"s": "t"}}, "status": map[string]any{"conditions": []any{condition}}}))
}

func (v *verbsOf) scale(path string) {
	to := func(name string, replicas any) map[string]any {
		return map[string]any{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": map[string]any{"name": name, "namespace": Namespace},
			"spec": map[string]any{"replicas": replicas}}
	}
	v.add("scale put", http.MethodPut, path, JSON, text(to(v.value.GetName(), 3)))
	v.add("scale put below nothing", http.MethodPut, path, JSON, text(to(v.value.GetName(), -3)))
	v.add("scale put of another name", http.MethodPut, path, JSON, text(to("none", 3)))
	v.add("scale put of the object", http.MethodPut, path, JSON, text(v.value.Object))
	v.add("scale merge", http.MethodPatch, path, patches["merge"], `{"spec":{"replicas":4}}`)
	v.add("scale merge strategically", http.MethodPatch, path, patches["strategic"], `{"spec":{"replicas":4}}`)
	v.add("scale apply", http.MethodPatch, path+"&force=true", patches["apply"], text(to(v.value.GetName(), 5)))
	v.add("scale apply without force", http.MethodPatch, path, patches["apply"], text(to(v.value.GetName(), 6)))
}

func (v *verbsOf) reads() {
	alone := with(v.collection(), "fieldSelector=metadata.name%3D"+v.value.GetName())
	for _, include := range []string{"None", "Object", "Odd"} {
		v.all = append(v.all, get(v.area, v.file+" table with "+include, with(v.path(), "includeObject="+include), tableForm),
			get(v.area, v.file+" tables with "+include, with(alone, "includeObject="+include), tableForm))
	}
	for _, form := range []string{"application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
		"application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io", "application/json;as=Table;v=v1;g=none"} {
		v.all = append(v.all, get(v.area, v.file+" as "+form, v.path(), form))
	}
	for _, query := range []string{"resourceVersion=0", "resourceVersion=odd", "resourceVersion=99999999", "pretty=true"} {
		v.add("get with "+query, http.MethodGet, with(v.path(), query), "", "")
	}
	for _, query := range []string{"limit=1", "resourceVersion=0&limit=1", "resourceVersion=0&resourceVersionMatch=NotOlderThan", "labelSelector=!none"} {
		v.add("list with "+query, http.MethodGet, with(alone, query), "", "")
	}
	for _, selector := range []string{"metadata.namespace%3Dnone", "metadata.name!%3Da,metadata.name%3Da", "spec%3Da", "status.odd%3Da", "metadata.uid%3Da"} {
		v.add("list by "+selector, http.MethodGet, with(v.collection(), "fieldSelector="+selector), "", "")
	}
	for _, method := range []string{http.MethodHead, http.MethodOptions, "ODD"} {
		v.add(method, method, v.path(), "", "")
		v.add(method+" of all", method, v.collection(), "", "")
	}
}

func (v *verbsOf) deletions() {
	for _, query := range []string{"propagationPolicy=Foreground", "propagationPolicy=Orphan", "propagationPolicy=Background", "gracePeriodSeconds=0",
		"gracePeriodSeconds=7", "orphanDependents=true", "propagationPolicy=Odd"} {
		v.add("delete with "+query, http.MethodDelete, with(v.path(), "dryRun=All&"+query), "", "")
	}
	for _, body := range []string{`{"preconditions":{"uid":"none"}}`, `{"preconditions":{"resourceVersion":"1"}}`, `{"dryRun":["All"],"kind":"Odd","apiVersion":"v1"}`} {
		v.add("delete "+body, http.MethodDelete, with(v.path(), "dryRun=All"), JSON, body)
	}
	v.add("delete what is not there", http.MethodDelete, v.collection()+"/gen-none", "", "")
	for _, query := range []string{"fieldSelector=metadata.name%3D" + v.value.GetName(), "fieldSelector=odd%3Da", "labelSelector=none", "labelSelector=none&limit=1"} {
		v.add("delete all with "+query, http.MethodDelete, with(v.collection(), "dryRun=All&"+query), "", "")
	}
}

// refusals are what somebody is told who may do nothing.
func (v *verbsOf) refusals() {
	first := len(v.all)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		v.add(method+" of nobody", method, v.path(), "", "")
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		v.add(method+" of all of nobody", method, v.collection(), "", "")
	}
	v.add("watch of nobody", http.MethodGet, with(v.collection(), "watch=true"), "", "")
	v.add("status of nobody", http.MethodPatch, v.path()+"/status", patches["merge"], "{}")
	for i := range v.all[first:] {
		v.all[first+i].As = "nobody"
	}
}

// watches see the object as it is, and then a label of it change.
func (v *verbsOf) watches() {
	alone := with(v.collection(), "watch=true&fieldSelector=metadata.name%3D"+v.value.GetName())
	for _, form := range [][2]string{{"object", JSON}, {"table", tableForm}, {"metadata", partialForm}} {
		watch := get(v.area, v.file+" watch as "+form[0], alone, form[1])
		watch.Events = 2
		watch.During = []Request{{Area: v.area, Name: v.file + " watched as " + form[0], Method: http.MethodPatch, Path: with(v.path(), "fieldManager=watched"),
			Header: map[string]string{"Content-Type": patches["merge"]}, Body: fmt.Sprintf(`{"metadata":{"labels":{"watched":%q}}}`, form[0])}}
		v.all = append(v.all, watch)
	}
}
