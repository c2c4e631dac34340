package hooks

import (
	"encoding/json"
	"net/http"
	"strings"
)

// convert answers a review of conversion. Version v2 calls spec.color spec.colour; what else is done to an object, or goes wrong, says its annotation
// "convert": a word, or a word and the version that it is about, as in "fail v2".
func convert(w http.ResponseWriter, r *http.Request) {
	var review object
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request, _ := review["request"].(object)
	desired, _ := request["desiredAPIVersion"].(string)
	given, _ := request["objects"].([]any)
	result, converted := object{"status": "Success"}, []any{}
	for _, one := range given {
		from, _ := one.(object)
		what := word(from, desired)
		switch what {
		case "wait":
			<-r.Context().Done()
			return
		case "500", "404":
			http.Error(w, "broken", map[string]int{"500": 500, "404": 404}[what])
			return
		case "text":
			_, _ = w.Write([]byte("hello"))
			return
		case "fail":
			result = object{"status": "Failure", "message": "will not convert", "reason": "Invalid", "code": 422}
		case "fail silently":
			result = object{"status": "Failure"}
		case "no result":
			result = object{}
		case "lose":
			continue
		case "twice":
			converted = append(converted, turned(from, desired, what))
		}
		converted = append(converted, turned(from, desired, what))
	}
	response := object{"uid": request["uid"], "result": result, "convertedObjects": converted}
	send(w, http.StatusOK, object{"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})
}

// word is what is to be done to an object beside converting it.
func word(o object, desired string) string {
	text, _ := at(o, "metadata", "annotations", "convert").(string)
	what, version, only := strings.Cut(text, "@")
	if only && !strings.HasSuffix(desired, "/"+version) {
		return ""
	}
	return what
}

// turned is an object in another version, and what was asked for beside.
func turned(o object, desired, what string) any {
	o["apiVersion"] = desired
	spec, _ := o["spec"].(object)
	from, to := "colour", "color"
	if strings.HasSuffix(desired, "/v2") {
		from, to = to, from
	}
	if value, ok := spec[from]; ok {
		delete(spec, from)
		spec[to] = value
	}
	metadata, _ := o["metadata"].(object)
	switch what {
	case "null":
		return nil
	case "kind":
		o["kind"] = "Other"
	case "group":
		o["apiVersion"] = "other.example.com/v2"
	case "version":
		o["apiVersion"] = strings.TrimRight(desired, "0123456789") + "7"
	case "no version":
		delete(o, "apiVersion")
	case "no metadata":
		delete(o, "metadata")
	case "labels":
		metadata["labels"] = object{"made": "by conversion"}
	case "label":
		metadata["labels"] = object{"made": "here"}
	case "annotations":
		metadata["annotations"] = object{"convert": what, "made": "here"}
	case "no annotations":
		delete(metadata, "annotations")
	case "name", "namespace", "uid", "resourceVersion", "deletionTimestamp", "generateName":
		metadata[what] = "other"
	case "generation":
		metadata[what] = 77
	case "finalizers":
		metadata[what] = []any{"example.com/x"}
	case "managedFields":
		delete(metadata, what)
	case "ownerReferences":
		metadata[what] = []any{object{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u"}}
	case "unknown":
		spec["unknown"] = 1
	case "wrong type":
		spec["size"] = "text"
	case "no spec":
		delete(o, "spec")
	case "status":
		o["status"] = object{"made": "here"}
	}
	return o
}
