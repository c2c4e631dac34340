package pki

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// patience until what failed to be made or read is tried again.
const patience = time.Minute

// errNone is why there is no certificate of Later.
var errNone = errors.New("it cannot be made")

// Live is a certificate of an authority that is made again before it ends: whoever uses it asks for it with every handshake, and
// there is nothing that runs in between.
type Live struct {
	authority *Authority
	request   Request

	mu    sync.Mutex
	pair  *Pair
	again time.Time // not before this time
	tell  func(error)
	told  string
}

// Live returns a certificate that satisfies the request for as long as the authority lives.
func (a *Authority) Live(request Request) (*Live, error) {
	pair, err := a.Leaf(request)
	if err != nil {
		return nil, err
	}
	return &Live{authority: a, request: request, pair: pair}, nil
}

// Later is Live where the certificate may never be needed: what is not kept anywhere is not made before somebody serves or calls by it.
func (a *Authority) Later(request Request) (*Live, error) {
	if a.dir != "" {
		return a.Live(request)
	}
	return &Live{authority: a, request: request}, nil
}

// Tell has somebody told why a certificate could not be made again or kept, once for each reason.
func (l *Live) Tell(tell func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell = tell
}

// Pair is the certificate of now. Where a new one cannot be kept, the old one is used for as long as it lasts, and keeping one is tried again.
// Only of Later it is nil, where none could be made.
func (l *Live) Pair() *Pair {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.authority.clock()
	if l.pair == nil {
		l.pair, _ = l.authority.Leaf(l.request) // fails where there is no randomness
		return l.pair
	}
	if !now.Add(renewBefore).After(l.pair.Certificate.NotAfter) || now.Before(l.again) {
		return l.pair
	}
	l.again = now.Add(patience)
	pair, err := l.authority.Leaf(l.request)
	if pair != nil && (err == nil || !now.Before(l.pair.Certificate.NotAfter)) {
		l.pair = pair
	}
	if err == nil {
		l.told = ""
	} else if l.tell != nil && l.told != err.Error() {
		l.told = err.Error()
		l.tell(err)
	}
	return l.pair
}

// Serving is for tls.Config.GetCertificate.
func (l *Live) Serving(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	pair := l.Pair()
	if pair == nil {
		return nil, fmt.Errorf("making certificate %s: %w", l.request.Name, errNone)
	}
	certificate := pair.TLS()
	return &certificate, nil
}

// Calling is for tls.Config.GetClientCertificate.
func (l *Live) Calling(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return l.Serving(nil) }

// Files are a certificate and a key that somebody else renews. They are looked at again, at most once a minute, when somebody needs
// them.
type Files struct {
	cert, key string
	now       func() time.Time

	mu      sync.Mutex
	read    tls.Certificate
	changed [2]time.Time
	again   time.Time
}

// OpenFiles reads the files.
func OpenFiles(cert, key string, now func() time.Time) (*Files, error) {
	f := &Files{cert: cert, key: key, now: now}
	f.again = now().Add(patience)
	f.changed = f.times()
	return f, f.load()
}

func (f *Files) load() error {
	read, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("reading the certificate in %s: %w", f.cert, err)
	}
	f.read = read
	return nil
}

func (f *Files) times() [2]time.Time {
	var all [2]time.Time
	for i, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil {
			all[i] = info.ModTime()
		}
	}
	return all
}

// Serving is for tls.Config.GetCertificate.
func (f *Files) Serving(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); !now.Before(f.again) {
		f.again = now.Add(patience)
		if changed := f.times(); changed != f.changed && f.load() == nil { // half of a change is not used, and looked at again
			f.changed = changed
		}
	}
	read := f.read
	return &read, nil
}

// Calling is for tls.Config.GetClientCertificate.
func (f *Files) Calling(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return f.Serving(nil) }
