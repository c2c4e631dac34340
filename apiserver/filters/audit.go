package filters

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// audit records the requests of those who are known, before anything is refused for other reasons.
func (c *Chain) audit(next http.Handler) http.Handler {
	if c.Audit == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.Audit.Serve(w, r, next, Attributes(r), request.From(r.Context()).LongRunning())
	})
}

// refuseStranger refuses the request of somebody who is not known, which is recorded, too.
func (c *Chain) refuseStranger(w http.ResponseWriter, r *http.Request, why error) {
	if c.Audit == nil {
		c.Refuse(w, r, why)
		return
	}
	c.Audit.Refuse(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.Refuse(w, r, why) }), Attributes(r))
}

// Bodies shows bodies of requests and answers as the audit log wants them.
type Bodies struct{ Scheme *runtime.Scheme }

// JSON is a body of that media type in JSON.
func (b Bodies) JSON(contentType string, body []byte) ([]byte, error) {
	media, known := codec.ParseMedia(contentType)
	if !known {
		patch, _, err := mime.ParseMediaType(contentType)
		switch {
		case err != nil:
			return nil, fmt.Errorf("reading the content type: %w", err)
		case strings.HasSuffix(patch, "+yaml"):
			media = codec.YAML
		case !strings.HasSuffix(patch, "+json"):
			return nil, fmt.Errorf("%s is not an object's", patch)
		}
	}
	switch media {
	case codec.YAML:
		return yaml.YAMLToJSON(body)
	case codec.Protobuf:
		kind, err := codec.PeekKind(body)
		if err != nil {
			return nil, err
		}
		object, err := b.Scheme.New(kind)
		if err != nil {
			return nil, err
		}
		if _, err := codec.DecodePlain(body, media, object); err != nil {
			return nil, err
		}
		object.GetObjectKind().SetGroupVersionKind(kind)
		return json.Marshal(object)
	}
	if !json.Valid(body) {
		return nil, errors.New("the body is no JSON")
	}
	return body, nil
}
