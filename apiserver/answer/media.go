package answer

import (
	"net/http"
	"strings"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// Media are the forms in which answers are given.
type Media struct {
	// CBOR is one of them.
	CBOR bool
}

// Refuse answers before any verb is reached.
func (s Media) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	accepted, ok := s.Asked(r, func(a codec.Accepted) bool { return a.As == "" || a.InMeta() })
	if !ok {
		accepted = codec.Accepted{}
	}
	accepted.Pretty = accepted.Pretty || WantsPretty(r)
	drain(w, r)
	writeStatus(w, accepted, refusal.Status(err))
}

// WantsPretty says whether people are to read the answer.
func WantsPretty(r *http.Request) bool {
	if r.URL.RawQuery != "" && strings.Contains(r.URL.RawQuery, "pretty") {
		if value, ok := r.URL.Query()["pretty"]; ok {
			return len(value) == 0 || (value[0] != "false" && value[0] != "0")
		}
	}
	agent := r.UserAgent()
	return strings.HasPrefix(agent, "curl") || strings.HasPrefix(agent, "Wget") || strings.HasPrefix(agent, "Mozilla/5.0")
}

// Asked chooses the media type of an answer.
func (s Media) Asked(r *http.Request, allow func(codec.Accepted) bool) (codec.Accepted, bool) {
	if s.CBOR {
		return codec.NegotiateWithCBOR(r.Header.Get("Accept"), allow)
	}
	return codec.Negotiate(r.Header.Get("Accept"), allow)
}

// Supported are the media types of objects with a Go type.
func (s Media) Supported() []string {
	if s.CBOR {
		return codec.SupportedWithCBOR()
	}
	return codec.Supported()
}

// SupportedText are the media types of all objects.
func (s Media) SupportedText() []string {
	if s.CBOR {
		return codec.SupportedTextWithCBOR()
	}
	return codec.SupportedText()
}

// Streamed are the media types of watches.
func (s Media) Streamed() []string {
	all := []string{codec.JSON.String() + ";stream=watch", codec.Protobuf.String() + ";stream=watch"}
	if s.CBOR {
		all = append(all, codec.TypeCBORSequence)
	}
	return all
}
