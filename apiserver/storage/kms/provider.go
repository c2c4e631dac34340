package kms

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apiserver/pkg/storage/value"
	aestransformer "k8s.io/apiserver/pkg/storage/value/encrypt/aes"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
)

// How often a plugin is asked, and how long what it says counts.
const (
	whileHealthy = time.Minute
	whileFailing = 10 * time.Second
	seedLife     = 3 * time.Minute
	statusLife   = 3 * time.Second // of an answer about its health
	failedLife   = time.Second     // of one that says that it fails
)

// seedSize is that of a key of SHA-256.
const seedSize = 32

// maxSeeds is how many seeds are kept that were decrypted.
const maxSeeds = 1000

// Provider is one plugin, and how values are encrypted with its help.
type Provider struct {
	name    string
	plugin  *plugin
	clock   clock.WithTicker
	metrics *Metrics
	changed func()

	asking sync.Mutex // orders questions about the status
	state  atomic.Pointer[state]
	health atomic.Pointer[health]

	seeds *lru.Cache    // of *seed, by what the plugin is asked to decrypt them
	wake  chan struct{} // tells that the plugin has not answered

	opening   sync.Mutex // guards what is below
	questions map[string]*question
	failures  map[string]failure
	hung      *question // which the plugin has not answered: it is asked again until it does
}

// state is what is written with.
type state struct {
	source
	writer  value.Transformer
	meter   meter
	expires time.Time
}

type health struct {
	err error
	at  time.Time
}

// Config says which plugin, and how to reach it.
type Config struct {
	Name, Endpoint string
	Timeout        time.Duration // of one call
	Clock          clock.WithTicker
	Metrics        *Metrics
	// Changed is called when the plugin names another key, and when it is there again after it was not: what could not
	// be read may be readable now.
	Changed func()
}

// New makes a provider, which asks its plugin nothing yet.
func New(c Config) (*Provider, error) {
	p := &Provider{
		name: c.Name, clock: c.Clock, metrics: c.Metrics, changed: c.Changed, seeds: lru.New(maxSeeds), wake: make(chan struct{}, 1),
		questions: map[string]*question{}, failures: map[string]failure{},
	}
	var err error
	p.plugin, err = dial(c.Name, c.Endpoint, c.Timeout, c.Metrics)
	return p, err
}

// Run looks after the plugin until ctx ends.
func (p *Provider) Run(ctx context.Context) {
	for {
		wait := whileHealthy
		if p.Refresh(ctx) != nil || p.askAgain(ctx) != nil {
			wait = whileFailing
		}
		timer := p.clock.NewTimer(wait)
		select {
		case <-timer.C():
		case <-p.wake:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// Close ends the connection.
func (p *Provider) Close() error { return p.plugin.close() }

// Check is nil while the plugin is well. It asks unless that was asked a moment ago.
func (p *Provider) Check(ctx context.Context) error {
	if known := p.recent(); known != nil {
		return known.err
	}
	p.asking.Lock()
	defer p.asking.Unlock()
	if known := p.recent(); known != nil { // somebody else has asked meanwhile
		return known.err
	}
	// A client that hangs up says nothing about the plugin, whose timeout bounds the question.
	return p.observe(context.WithoutCancel(ctx))
}

// recent is what is known of the plugin's health, if that still counts.
func (p *Provider) recent() *health {
	known := p.health.Load()
	if known == nil {
		return nil
	}
	life := statusLife
	if known.err != nil {
		life = failedLife
	}
	if p.clock.Since(known.at) >= life {
		return nil
	}
	return known
}

// Refresh asks the plugin for its status, and makes another seed when it names another key.
func (p *Provider) Refresh(ctx context.Context) error {
	p.asking.Lock()
	defer p.asking.Unlock()
	return p.observe(ctx)
}

func (p *Provider) observe(ctx context.Context) error {
	err := p.refresh(ctx)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return err // which says nothing about the plugin
	}
	before := p.health.Swap(&health{err: err, at: p.clock.Now()})
	wasWell := before != nil && before.err == nil
	if wasWell != (err == nil) {
		log := logr.FromContextOrDiscard(ctx).WithValues("provider", p.name)
		if err != nil {
			log.Error(err, "KMS plugin fails")
		} else {
			log.Info("KMS plugin works", "keyHash", Hash(p.state.Load().keyID))
		}
	}
	if err == nil && !wasWell {
		p.forgive()
		p.changed()
	}
	return err
}

func (p *Provider) refresh(ctx context.Context) error {
	keyID, err := p.plugin.status(ctx)
	if err != nil {
		return err
	}
	p.metrics.noteStatus(p.name, keyID)
	now := p.state.Load()
	if now != nil && now.keyID == keyID {
		next := *now
		next.expires = p.clock.Now().Add(seedLife)
		p.state.Store(&next)
		return nil
	}
	next, err := p.newState(ctx)
	if err != nil {
		return err
	}
	if next.keyID != keyID {
		return fmt.Errorf("key ID returned by encrypt (%s) is not the one of the status (%s)", Hash(next.keyID), Hash(keyID))
	}
	p.state.Store(next)
	if now != nil {
		logr.FromContextOrDiscard(ctx).Info("KMS plugin has another key", "provider", p.name, "keyHash", Hash(keyID))
		p.changed()
	}
	return nil
}

// newState makes a seed and has it encrypted.
func (p *Provider) newState(ctx context.Context) (*state, error) {
	bytes := make([]byte, seedSize)
	if _, err := rand.Read(bytes); err != nil {
		return nil, fmt.Errorf("making a seed: %w", err)
	}
	from, err := p.plugin.encrypt(ctx, bytes)
	if err != nil {
		return nil, err
	}
	transformer, err := aestransformer.NewHKDFExtendedNonceGCMTransformer(bytes)
	if err != nil {
		return nil, fmt.Errorf("using a seed: %w", err)
	}
	s := &state{source: from, writer: transformer, meter: p.metrics.meter("to_storage", p.name, from.keyID), expires: p.clock.Now().Add(seedLife)}
	p.keep(seedKey(from, true), &seed{reader: transformer, meter: p.metrics.meter("from_storage", p.name, from.keyID)})
	return s, nil
}
