package connect

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/proxy"
)

// forward hands a request on to location. Upgrades are passed through; a refused one closes the connection behind it,
// and a kubelet's redirect is neither followed nor passed on. What pods answer to plain requests is theirs. refused is
// called for what goes wrong before anything was sent.
func forward(w http.ResponseWriter, r *http.Request, way Way, refused func(error)) {
	handler := proxy.NewUpgradeAwareHandler(way.Location, way.Transport, !way.Upgrade, way.Upgrade, responder(refused))
	handler.UseLocationHost = true
	handler.RejectForwardingRedirects = way.Upgrade
	handler.FlushInterval = 100 * time.Millisecond
	handler.ServeHTTP(w, r)
}

// Way is where a request goes on to.
type Way struct {
	Location  *url.URL
	Transport http.RoundTripper
	// Upgrade says that the connection must be upgraded.
	Upgrade bool
}

// responder answers what went wrong before anything was sent.
type responder func(error)

// Error implements proxy.ErrorResponder.
func (r responder) Error(_ http.ResponseWriter, _ *http.Request, err error) { r(err) }

// PodTransport reaches what runs in the cluster; its certificates are nobody's business but its own.
func PodTransport() http.RoundTripper {
	return &http.Transport{
		DialContext:       (&net.Dialer{Timeout: 30 * time.Second, Control: checked}).DialContext,
		TLSClientConfig:   insecure(),
		DisableKeepAlives: true, MaxResponseHeaderBytes: 1 << 20,
	}
}

// checked refuses addresses as Proxyable does, at the last moment: what is dialled is what is checked.
func checked(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	return proxyable(host)
}

func insecure() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // the contract of the proxy: whatever certificate a pod has
}
