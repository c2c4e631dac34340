package reviews

import (
	"net/http"
	"strings"
	"testing"
)

// A webhook that is none, such as a proxy with a page for people, does not fill errors and logs with it.
func TestRefusalTellsTheBeginningOfAText(t *testing.T) {
	for _, c := range []struct{ why, media, body, has, hasNot string }{
		{"a text", "text/html", "why", "why", ""},
		{"a long text", "text/html", strings.Repeat("a", maxText) + "end", strings.Repeat("a", maxText), "end"},
		{"no text", "application/json", `{"why":"not"}`, "unknown", "why"},
		{"a Status", "application/json", `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"why not"}`, "why not", "unknown"},
	} {
		err := Refusal(&http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{"Content-Type": {c.media}}}, []byte(c.body)).Error()
		if !strings.Contains(err, c.has) || c.hasNot != "" && strings.Contains(err, c.hasNot) {
			t.Errorf("%s: %s", c.why, err)
		}
	}
}
