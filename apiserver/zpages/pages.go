package zpages

import (
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apiserver/answer"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// The paths of the pages.
const (
	StatusPath = "/statusz"
	FlagsPath  = "/flagz"
)

// textType is the media type of the pages for people.
const textType = "text/plain"

// Component is what the pages tell about.
type Component struct {
	Name string
	// Version is the program's, such as 1.36.3, and Emulated the minor version that it serves, such as 1.36.
	Version, Emulated string
	Started           metav1.Time
	Clock             clock.PassiveClock
	// Paths are those that the component serves beside its work, in order.
	Paths []string
	// Flags are the command line's with their values.
	Flags func() map[string]string
}

// Status is /statusz.
func (c *Component) Status() http.Handler {
	return page(func(version string) document {
		return document{
			kind: "Statusz",
			object: &statusz{
				TypeMeta: metav1.TypeMeta{Kind: "Statusz", APIVersion: group + "/" + version}, ObjectMeta: metav1.ObjectMeta{Name: c.Name},
				StartTime: c.Started, UptimeSeconds: int64(c.Clock.Since(c.Started.Time).Seconds()),
				GoVersion: runtime.Version(), BinaryVersion: c.Version, EmulationVersion: c.Emulated, Paths: c.Paths,
			},
		}
	})
}

// FlagPage is /flagz.
func (c *Component) FlagPage() http.Handler {
	return page(func(version string) document {
		return document{
			kind: "Flagz",
			object: &flagz{
				TypeMeta: metav1.TypeMeta{Kind: "Flagz", APIVersion: group + "/" + version}, ObjectMeta: metav1.ObjectMeta{Name: c.Name},
				Flags: c.Flags(),
			},
		}
	})
}

// document is what a page tells now.
type document struct {
	kind   string
	object interface{ text() string }
}

// page makes what it tells in a version.
type page func(version string) document

// ServeHTTP answers in the first form of the Accept header that there is.
func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := p(current).kind
	form, ok := choose(r.Header.Get("Accept"), kind)
	if !ok {
		answer.Media{}.Refuse(w, r, refusal.NotAcceptableText("only the following media types are accepted: "+strings.Join([]string{codec.JSON.String(), codec.YAML.String(), textType}, ", ")))
		return
	}
	if form.version == "" {
		w.Header().Set("Content-Type", textType+"; charset=utf-8")
		_, _ = w.Write([]byte(p(current).object.text())) // a client that is gone misses nothing
		return
	}
	if form.version == older {
		warning.Add(warning.With(r.Context(), w.Header()), "This version of the "+strings.ToLower(kind)+" endpoint is deprecated. Please use a newer version.")
	}
	data, err := encode(p(form.version).object, form.media, answer.WantsPretty(r))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", form.media.String()+";g="+group+";v="+form.version+";as="+kind)
	_, _ = w.Write(data) // as above
}

func encode(object any, media codec.Media, pretty bool) ([]byte, error) {
	data, err := json.Marshal(object)
	switch {
	case err != nil:
		return nil, err
	case media == codec.YAML:
		return yaml.JSONToYAML(data)
	case pretty:
		return codec.Indent(data), nil
	}
	return append(data, '\n'), nil
}

// form is how a page is asked for: in a version of its kind, or as text without one.
type form struct {
	media   codec.Media
	version string
}

func choose(accept, kind string) (form, bool) {
	if accept == "" {
		return form{}, true
	}
	for name, params := range codec.Forms(accept) {
		switch name {
		case "*/*", "text/*", textType:
			return form{}, true
		}
		media, ok := codec.ParseMedia(name)
		known := params["as"] == kind && params["g"] == group && slices.Contains([]string{current, older}, params["v"])
		if ok && known && (media == codec.JSON || media == codec.YAML) {
			return form{media: media, version: params["v"]}, true
		}
	}
	return form{}, false
}
