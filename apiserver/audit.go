package apiserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// audit records the requests of those who are known, before anything is refused for other reasons.
func (s *Server) audit(next http.Handler) http.Handler {
	if s.Audit == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Audit.Serve(w, r, next, attributesOf(r), infoFrom(r.Context()).LongRunning())
	})
}

// asJSON is a body, of a request or of an answer, as the audit log shows it.
func (s *Server) asJSON(contentType string, body []byte) ([]byte, error) {
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
		object, err := s.Scheme.New(kind)
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
