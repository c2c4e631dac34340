package credentials

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	files "github.com/coxswain-k8s/coxswain/apiserver/follow"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// clientAuthorities are those whose client certificates are believed: our own, if any, and those of a file, which is read again
// when it changes.
type clientAuthorities struct {
	flag, path string
	own        []byte
	current    atomic.Pointer[authorityBundle]
}

// authorityBundle is what counts at one time. It is never changed.
type authorityBundle struct {
	file, all []byte // in PEM
	pool      *x509.CertPool
}

// openClientAuthorities reads the file that a flag names, if it names one.
func openClientAuthorities(flag, path string, own []byte) (*clientAuthorities, error) {
	a := &clientAuthorities{flag: flag, path: path, own: own}
	if path == "" {
		_, err := a.use(nil)
		return a, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading --%s: %w", flag, err)
	}
	_, err = a.use(data)
	return a, err
}

// use takes the content of the file into use, and says whether it is another one.
func (a *clientAuthorities) use(file []byte) (bool, error) {
	if before := a.current.Load(); before != nil && bytes.Equal(before.file, file) {
		return false, nil
	}
	fresh := &authorityBundle{file: file, all: slices.Concat(a.own, file), pool: x509.NewCertPool()}
	fresh.pool.AppendCertsFromPEM(a.own)
	if a.path != "" && !fresh.pool.AppendCertsFromPEM(file) {
		return false, fmt.Errorf("reading --%s: %s has no certificate in PEM", a.flag, a.path)
	}
	a.current.Store(fresh)
	return true, nil
}

// reread says whether the file has changed. One that is wrong, or just being replaced, changes nothing.
func (a *clientAuthorities) reread(ctx context.Context) bool {
	data, err := os.ReadFile(a.path)
	if errors.Is(err, os.ErrNotExist) || len(data) == 0 && err == nil {
		return false
	}
	changed := false
	if err == nil {
		changed, err = a.use(data)
	}
	switch {
	case err != nil:
		log.FromContext(ctx).Error(err, "Changed authorities of clients were not taken into use", "file", a.path)
	case changed:
		log.FromContext(ctx).Info("Changed authorities of clients were taken into use", "file", a.path)
	}
	return changed
}

// changes tells that the file may have changed; without a file it never does.
func (a *clientAuthorities) changes(ctx context.Context) <-chan struct{} {
	if a.path == "" {
		return nil
	}
	return files.Changes(ctx, a.path, clock.RealClock{})
}

func (a *clientAuthorities) Pool() *x509.CertPool { return a.current.Load().pool }

func (a *clientAuthorities) PEM() []byte { return a.current.Load().all }

// openClientCAs reads whose client certificates are believed, and which front proxies are.
func (c *Certificates) openClientCAs(o *options.Options) error {
	var err error
	if c.Clients, err = openClientAuthorities("client-ca-file", o.ClientCAFile, c.Authority.CertPEM); err != nil {
		return err
	}
	if c.Proxies, err = openClientAuthorities("requestheader-client-ca-file", o.RequestHeaderClientCAFile, nil); err != nil {
		return err
	}
	if len(o.RequestHeaderAllowedNames) == 0 && overlap(c.Clients.PEM(), c.Proxies.PEM()) {
		return errors.New("--requestheader-client-ca-file and --client-ca-file contain overlapping certificates; --requestheader-allowed-names must be specified " +
			"to ensure regular client certificates cannot set authenticating proxy headers for arbitrary users")
	}
	return nil
}

// overlap says whether two bundles in PEM have a certificate in common.
func overlap(one, other []byte) bool {
	seen := map[string]bool{}
	for block, rest := pem.Decode(one); block != nil; block, rest = pem.Decode(rest) {
		seen[string(block.Bytes)] = true
	}
	for block, rest := pem.Decode(other); block != nil; block, rest = pem.Decode(rest) {
		if seen[string(block.Bytes)] {
			return true
		}
	}
	return false
}

// FollowAuthorities reads the files of authorities again when they change, and has others told of it.
func (c *Certificates) FollowAuthorities(ctx context.Context, tell func(context.Context) error) error {
	clients, proxies := c.Clients.changes(ctx), c.Proxies.changes(ctx)
	var again <-chan time.Time
	for clients != nil || proxies != nil {
		ok, changed := true, false
		select {
		case _, ok = <-clients:
			changed = ok && c.Clients.reread(ctx)
		case _, ok = <-proxies:
			changed = ok && c.Proxies.reread(ctx)
		case <-again:
			changed = true
		}
		if !ok {
			return nil
		}
		if !changed {
			continue
		}
		again = nil
		if err := tell(ctx); err != nil {
			log.FromContext(ctx).Error(err, "Other API servers are not told of changed authorities yet")
			again = time.After(files.Again)
		}
	}
	return nil
}

// TLS is how the API server serves. Client certificates are asked for and checked later, where the request is authenticated.
// Handshakes name the authorities of now: clients show certificates of authorities that are named to them.
func (c *Certificates) TLS() *tls.Config {
	all := &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: c.serve,
		ClientAuth: tls.RequestClientCert, NextProtos: []string{"h2", "http/1.1"},
		// Small records at the start of a connection are for browsers that show half a page.
		DynamicRecordSizingDisabled: true,
	}
	type named struct {
		clients, proxies *authorityBundle
		config           *tls.Config
	}
	var current atomic.Pointer[named]
	all.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		clients, proxies := c.Clients.current.Load(), c.Proxies.current.Load()
		if known := current.Load(); known != nil && known.clients == clients && known.proxies == proxies {
			return known.config, nil
		}
		config := all.Clone()
		config.GetConfigForClient, config.ClientCAs = nil, clients.pool.Clone()
		config.ClientCAs.AppendCertsFromPEM(proxies.all)
		current.Store(&named{clients, proxies, config})
		return config, nil
	}
	return all
}
