package apiserver

import (
	"encoding/json"
	"net/http"

	"github.com/coxswain-k8s/coxswain/apiserver/answer"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

func (s *Server) serveVersion(w http.ResponseWriter, r *http.Request) {
	if _, ok := codec.Negotiate(r.Header.Get("Accept"), func(a codec.Accepted) bool { return a.Media == codec.JSON && a.As == "" }); !ok {
		s.media().Refuse(w, r, refusal.NotAcceptable([]string{codec.JSON.String()}))
		return
	}
	data, err := json.MarshalIndent(s.Version, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer.WriteBody(w, codec.Accepted{}, http.StatusOK, data)
}
