package eventratelimit

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
)

// Name of the plugin.
const Name = "EventRateLimit"

// Kinds of limits.
const (
	perServer    = "Server"
	perNamespace = "Namespace"
	perUser      = "User"
	perObject    = "SourceAndObject"
)

const (
	// usualCache is how many buckets a limit keeps if it does not say.
	usualCache = 4096
	// longestKey is how long a key is kept as it is. Clients make keys as long as they like: of longer ones a hash is kept.
	longestKey = 128
)

// Plugin is EventRateLimit, which is off unless asked for.
type Plugin struct {
	limits []*limit
}

// New returns the plugin as it is configured.
func New(ticks clock.PassiveClock, from *configuration.File) (*Plugin, error) {
	var config struct {
		Limits []struct {
			Type      string `json:"type"`
			QPS       int32  `json:"qps"`
			Burst     int32  `json:"burst"`
			CacheSize int32  `json:"cacheSize"`
		} `json:"limits"`
	}
	of := configuration.Type{Kind: "Configuration", Versions: []string{"eventratelimit.admission.k8s.io/v1alpha1"}}
	if _, err := from.Decode(Name, of, &config); err != nil {
		return nil, err
	}
	p := &Plugin{}
	var wrong []error
	for i, l := range config.Limits {
		at := fmt.Sprintf("limits[%d]", i)
		if l.Type != perServer && l.Type != perNamespace && l.Type != perUser && l.Type != perObject {
			wrong = append(wrong, fmt.Errorf("%s.type: %q is none of Server, Namespace, User, SourceAndObject", at, l.Type))
		}
		if l.QPS < 1 || l.Burst < 1 || l.CacheSize < 0 {
			wrong = append(wrong, fmt.Errorf("%s: qps and burst must be positive, and cacheSize not negative", at))
		}
		size := int(l.CacheSize)
		if size == 0 {
			size = usualCache
		}
		p.limits = append(p.limits, &limit{
			kind: l.Type, rate: float64(l.QPS), burst: float64(l.Burst), size: size, clock: ticks, buckets: map[string]*list.Element{}, recent: list.New(),
		})
	}
	if len(config.Limits) == 0 {
		wrong = append(wrong, errors.New("limits: it needs one at least, in the file of --admission-control-config-file"))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("reading the configuration of the plugin %s: %w", Name, err)
	}
	return p, nil
}

// Validate takes from the bucket of each limit, and refuses when one is empty.
func (p *Plugin) Validate(_ context.Context, a *admission.Attributes) error {
	if a.DryRun || a.Kind.Group != "" || a.Kind.Kind != "Event" || a.Operation != admission.Create && a.Operation != admission.Update {
		return nil
	}
	var over []string
	for _, l := range p.limits {
		if key := l.key(a); !l.take(key) {
			over = append(over, fmt.Sprintf("limit reached on type %s for key %s", l.kind, key))
		}
	}
	switch len(over) {
	case 0:
		return nil
	case 1:
		return apierrors.NewTooManyRequestsError(over[0])
	}
	return apierrors.NewTooManyRequestsError("[" + strings.Join(over, ", ") + "]")
}

// limit is one entry of the configuration, with a bucket for each key of late.
type limit struct {
	kind        string
	rate, burst float64
	size        int
	clock       clock.PassiveClock

	mu      sync.Mutex
	buckets map[string]*list.Element
	recent  *list.List // of buckets, the one used last in front
}

// bucket of a key: what was in it, and when.
type bucket struct {
	key  string
	left float64
	at   time.Time
}

func (l *limit) key(a *admission.Attributes) string {
	switch l.kind {
	case perNamespace:
		return a.Namespace
	case perUser:
		if a.User != nil {
			return a.User.GetName()
		}
	case perObject:
		event, ok := a.Object.(*corev1.Event)
		if !ok {
			return ""
		}
		of := &event.InvolvedObject
		return strings.Join([]string{event.Source.Component, event.Source.Host, of.Kind, of.Namespace, of.Name, string(of.UID), of.APIVersion}, "")
	}
	return ""
}

// take takes one from the bucket of a key; false when it is empty.
func (l *limit) take(key string) bool {
	if len(key) > longestKey {
		sum := sha256.Sum256([]byte(key))
		key = string(sum[:])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	at := l.buckets[key]
	if at == nil {
		at = l.recent.PushFront(&bucket{key: key, left: l.burst, at: now})
		l.buckets[key] = at
		if oldest := l.recent.Back(); l.recent.Len() > l.size {
			delete(l.buckets, l.recent.Remove(oldest).(*bucket).key) // nothing else is in it
		}
	}
	l.recent.MoveToFront(at)
	b := at.Value.(*bucket)
	b.left, b.at = min(l.burst, b.left+l.rate*now.Sub(b.at).Seconds()), now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
