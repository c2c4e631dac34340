package apiserver

import (
	"encoding/json"
	"net/http"

	"github.com/coxswain-k8s/coxswain/apiserver/answer"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

func (s *Server) serveVersion(w http.ResponseWriter, _ *http.Request) {
	data, err := json.MarshalIndent(s.Version, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer.WriteBody(w, codec.Accepted{}, http.StatusOK, data)
}
