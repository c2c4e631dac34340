package zpages_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/apiserver/zpages"
)

const kinds = "application/json;v=v1beta1;g=config.k8s.io;as="

func component() *zpages.Component {
	began := time.Date(2026, 11, 22, 4, 57, 31, 0, time.UTC)
	return &zpages.Component{
		Name: "apiserver", Version: "1.36.3", Emulated: "1.36", Started: metav1.NewTime(began), Clock: clocktesting.NewFakePassiveClock(began.Add(3723 * time.Second)),
		Paths: []string{"/flagz", "/statusz"}, Flags: func() map[string]string { return map[string]string{"v": "0", "event-ttl": "1h0m0s"} },
	}
}

func ask(t *testing.T, page http.Handler, accept string) (contentType, body string, code int) {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Accept", accept)
	recorder := httptest.NewRecorder()
	page.ServeHTTP(recorder, request)
	data, err := io.ReadAll(recorder.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return recorder.Header().Get("Content-Type"), strings.ReplaceAll(string(data), runtime.Version(), "<go>"), recorder.Code
}

func TestStatus(t *testing.T) {
	page := component().Status()
	contentType, body, _ := ask(t, page, kinds+"Statusz, text/plain")
	want := `{"kind":"Statusz","apiVersion":"config.k8s.io/v1beta1","metadata":{"name":"apiserver"},"startTime":"2026-11-22T04:57:31Z","uptimeSeconds":3723,` +
		`"goVersion":"<go>","binaryVersion":"1.36.3","emulationVersion":"1.36","paths":["/flagz","/statusz"]}` + "\n"
	if diff := cmp.Diff([]string{"application/json;g=config.k8s.io;v=v1beta1;as=Statusz", want}, []string{contentType, body}); diff != "" {
		t.Error(diff)
	}
	contentType, body, _ = ask(t, page, "*/*")
	want = `
apiserver statusz
Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.

Started: Sun Nov 22 04:57:31 UTC 2026
Up: 1 hr 02 min 03 sec
Go version: <go>
Binary version: 1.36.3
Emulation version: 1.36
Paths: /flagz /statusz
`
	body = regexp.MustCompile(`(?m)^(Started|Up|Go version|Binary version|Emulation version|Paths)(:  |: |= |  )`).ReplaceAllString(body, "$1: ")
	if diff := cmp.Diff([]string{"text/plain; charset=utf-8", want}, []string{contentType, body}); diff != "" {
		t.Error(diff)
	}
}

func TestFlags(t *testing.T) {
	page := component().FlagPage()
	_, body, _ := ask(t, page, "application/yaml;v=v1alpha1;g=config.k8s.io;as=Flagz")
	if diff := cmp.Diff("apiVersion: config.k8s.io/v1alpha1\nflags:\n  event-ttl: 1h0m0s\n  v: \"0\"\nkind: Flagz\nmetadata:\n  name: apiserver\n", body); diff != "" {
		t.Error(diff)
	}
	if _, body, _ = ask(t, page, ""); !regexp.MustCompile(`only\.\nevent-ttl[:= ]+1h0m0s\nv[:= ]+0\n$`).MatchString(body) {
		t.Errorf("got %s", body)
	}
}

func TestFormsThatThereAreNot(t *testing.T) {
	for _, accept := range []string{"application/json", "text/html", "application/*", kinds + "Flagz", "application/json;v=v1;g=config.k8s.io;as=Statusz", "application/cbor;v=v1beta1;g=config.k8s.io;as=Statusz"} {
		_, body, code := ask(t, component().Status(), accept)
		if code != http.StatusNotAcceptable || !strings.Contains(body, "only the following media types are accepted: application/json, application/yaml, text/plain") {
			t.Errorf("%s: %d %s", accept, code, body)
		}
	}
}
