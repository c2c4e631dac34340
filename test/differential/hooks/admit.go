package hooks

import (
	"encoding/json"
	"maps"
	"net/http"
)

// script is what the annotation hook-NAME of an object has the webhook of that name answer.
type script struct {
	// Response is merged into one that allows.
	Response object
	// Patch of the object.
	Patch json.RawMessage
	// Show denies with what was asked as its message.
	Show bool
	// Wait answers only when the caller has gone.
	Wait bool
	// Raw is sent instead.
	Raw *raw
}

// admit answers a review of admission as the object that is reviewed says.
func admit(w http.ResponseWriter, r *http.Request) {
	var review object
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request, _ := review["request"].(object)
	var s script
	if text := told(request, "hook-"+r.PathValue("name")); text != "" {
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	switch {
	case s.Wait:
		<-r.Context().Done()
		return
	case s.Raw != nil:
		s.Raw.send(w)
		return
	}
	response := object{"uid": request["uid"], "allowed": true}
	if s.Show {
		message, _ := json.Marshal(request)
		response["allowed"], response["status"] = false, object{"message": string(message)}
	}
	if len(s.Patch) > 0 {
		response["patchType"], response["patch"] = "JSONPatch", []byte(s.Patch)
	}
	maps.Copy(response, s.Response)
	send(w, http.StatusOK, object{"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})
}

// told is an annotation of what is reviewed: of what was, where nothing will be.
func told(request object, name string) string {
	for _, which := range []string{"object", "oldObject"} {
		if given, _ := request[which].(object); given != nil {
			text, _ := at(given, "metadata", "annotations", name).(string)
			return text
		}
	}
	return ""
}
