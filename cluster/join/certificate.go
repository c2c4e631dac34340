package join

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Certificate is one identity of a node.
//
//	none ──Obtain──> held ──70 to 90 % of its life, or another subject──> asking ──> held ──> …
//	                  ^────────────── from the file of an earlier run
type Certificate struct {
	// File holds the certificate and its key.
	File string
	// Client asks for it.
	Client client.WithWatch
	// Renewed is called when another certificate has taken the place of one. Optional.
	Renewed func()
	Clock   clock.Clock

	current atomic.Pointer[held]
	mu      sync.Mutex
	subject Subject
	changed chan struct{}
}

// held is a certificate and when it was received: that is what its life is counted from, for signers date back.
type held struct {
	tls.Certificate
	since time.Time
}

// errNone says that there is no certificate yet.
var errNone = errors.New("no certificate is available yet")

// SetSubject says whom the certificate is to name. One that names somebody else is replaced.
func (c *Certificate) SetSubject(s Subject) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subject.equal(&s) {
		return
	}
	c.subject = s
	select {
	case c.wakeup() <- struct{}{}:
	default:
	}
}

func (c *Certificate) wakeup() chan struct{} {
	if c.changed == nil {
		c.changed = make(chan struct{}, 1)
	}
	return c.changed
}

func (c *Certificate) wanted() (Subject, chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subject, c.wakeup()
}

func (s *Subject) equal(o *Subject) bool {
	return s.Signer == o.Signer && s.User == o.User && slices.Equal(s.Groups, o.Groups) && slices.Equal(s.Names, o.Names) &&
		slices.EqualFunc(s.Addresses, o.Addresses, net.IP.Equal)
}

// Load takes up the certificate of an earlier run. It says false when there is none that is still good.
func (c *Certificate) Load() (bool, error) {
	data, err := os.ReadFile(c.File)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading a certificate: %w", err)
	}
	info, err := os.Stat(c.File)
	if err != nil {
		return false, err
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", c.File, err)
	}
	if c.Clock.Now().After(pair.Leaf.NotAfter) {
		return false, nil
	}
	c.current.Store(&held{pair, info.ModTime()})
	return true, nil
}

// Obtain asks for a certificate once.
func (c *Certificate) Obtain(ctx context.Context) error {
	subject, _ := c.wanted()
	data, err := ask(ctx, c.Client, subject)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return fmt.Errorf("reading the certificate that was issued for %s: %w", subject.User, err)
	}
	if err := WriteFile(c.File, data); err != nil {
		return err
	}
	if c.current.Swap(&held{pair, c.Clock.Now()}) != nil && c.Renewed != nil {
		c.Renewed()
	}
	log.FromContext(ctx).Info("Received a certificate", "user", subject.User, "signer", subject.Signer, "until", pair.Leaf.NotAfter.Format(time.RFC3339))
	return nil
}

// Run keeps the certificate good until ctx ends. It does nothing before a subject is set.
func (c *Certificate) Run(ctx context.Context) error {
	var retry time.Duration
	for c.await(ctx, retry) {
		err := c.Obtain(ctx)
		switch {
		case err == nil:
			retry = 0
		case ctx.Err() == nil:
			retry = min(max(2*retry, time.Second), time.Minute)
			log.FromContext(ctx).Error(err, "Renewing a certificate failed", "retryIn", retry.String())
		}
	}
	return nil
}

// await returns when a certificate is to be asked for, not before retry is over, or says false when ctx ends.
func (c *Certificate) await(ctx context.Context, retry time.Duration) bool {
	for ctx.Err() == nil {
		subject, changed := c.wanted()
		if subject.User == "" {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		wait := max(retry, c.due(&subject))
		if wait <= 0 {
			return true
		}
		timer := c.Clock.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C():
			return true
		}
		timer.Stop()
	}
	return false
}

// due is how long the present certificate serves: for 70 to 90 % of its life.
func (c *Certificate) due(s *Subject) time.Duration {
	have := c.current.Load()
	if have == nil || !names(have, s) {
		return 0
	}
	life := have.Leaf.NotAfter.Sub(have.since)
	share := time.Duration(float64(life) * (0.7 + 0.2*rand.Float64()))
	return have.since.Add(share).Sub(c.Clock.Now())
}

// names says whether a certificate is for the subject.
func names(have *held, s *Subject) bool {
	leaf := have.Leaf
	return leaf.Subject.CommonName == s.User && slices.Equal(leaf.Subject.Organization, s.Groups) && slices.Equal(leaf.DNSNames, s.Names) &&
		slices.EqualFunc(leaf.IPAddresses, s.Addresses, net.IP.Equal)
}

// User is whom the present certificate names, "" if there is none.
func (c *Certificate) User() string {
	if have := c.current.Load(); have != nil {
		return have.Leaf.Subject.CommonName
	}
	return ""
}

// Present is for a client's tls.Config.
func (c *Certificate) Present(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	have := c.current.Load()
	if have == nil {
		return &tls.Certificate{}, nil
	}
	return &have.Certificate, nil
}

// Serve is for a server's tls.Config.
func (c *Certificate) Serve(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	have := c.current.Load()
	if have == nil {
		return nil, errNone
	}
	return &have.Certificate, nil
}
