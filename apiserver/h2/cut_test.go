package h2

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A body whose end never came is not taken for a whole one, however politely the client goes.
func TestBodiesThatAreCutOff(t *testing.T) {
	read := make(chan error, 1)
	begun := make(chan struct{}, 1)
	handler := func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		_, err := io.ReadAll(r.Body)
		read <- err
	}
	onBoth(t, handler, func(t *testing.T, server *httptest.Server) {
		p := dial(t, server)
		p.request(1, true)
		p.check(p.framer.WriteData(1, false, []byte("half")))
		<-begun
		p.check(p.conn.CloseWrite())
		if err := <-read; err == nil || errors.Is(err, io.EOF) {
			t.Errorf("the body ended with %v", err)
		}
	})
}
