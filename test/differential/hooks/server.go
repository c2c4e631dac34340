package hooks

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// Address is where the program listens: each side has one on a machine of its own.
const Address = "127.0.0.1:9443"

// Name of the Service, in the namespace of the requests, by which the group that the program serves is known.
const Name = "hooks.differential.svc"

// Prepare makes what the program needs to be believed, in a folder, and returns the certificate that callers are to trust.
func Prepare(dir string) ([]byte, error) {
	authority, err := pki.Open(dir, "hooks", time.Now)
	if err != nil {
		return nil, err
	}
	_, err = authority.Leaf(pki.Request{Name: "hooks", CommonName: Name, Server: true, DNSNames: []string{Name, "localhost"}, Addresses: []net.IP{net.ParseIP("127.0.0.1")}})
	return authority.CertPEM, err
}

// Serve answers until the context ends.
func Serve(ctx context.Context, dir string) error {
	certificate, err := tls.LoadX509KeyPair(dir+"/hooks.crt", dir+"/hooks.key")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /admit/{name}", admit)
	mux.HandleFunc("POST /convert", convert)
	mux.HandleFunc("/", group)
	server := &http.Server{Addr: Address, Handler: mux, ReadHeaderTimeout: time.Minute, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return fmt.Errorf("answering webhooks: %w", server.ListenAndServeTLS("", ""))
}

type object = map[string]any

// at finds what is below names, nil where nothing is.
func at(o object, names ...string) any {
	var value any = o
	for _, name := range names {
		inner, _ := value.(object)
		value = inner[name]
	}
	return value
}

func send(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(value)
}

// raw is an answer that is none that a webhook should give.
type raw struct {
	Code     int
	Type     string
	Location string
	Body     string
}

func (a *raw) send(w http.ResponseWriter) {
	for name, value := range map[string]string{"Content-Type": a.Type, "Location": a.Location} {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(a.Code)
	_, _ = w.Write([]byte(a.Body))
}
