package auth

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
)

// askPatience bounds one question, for those who wait do not: one leaves and the next finds the question still being asked.
const askPatience = 30 * time.Second

// Cached remembers for a while what another says of a token, and asks once where many want to know at the same time.
// It is for authenticators whose answers cost something and cannot become wrong at once. The memory is bounded.
type Cached struct {
	Next authenticator.Token
	// Accepted and Refused are how long answers are remembered; 0 means not at all. Errors never are, unless KeepErrors.
	Accepted, Refused time.Duration
	KeepErrors        bool
	Clock             clock.PassiveClock
	// Metrics are counted in, unless it is nil.
	Metrics *authmetrics.Metrics

	known  Bounded[[sha256.Size]byte, cachedAnswer]
	asking singleflight.Group
}

type cachedAnswer struct {
	response *authenticator.Response
	ok       bool
	err      error
	until    time.Time
}

var _ authenticator.Token = &Cached{}

// AuthenticateToken implements authenticator.Token.
func (c *Cached) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	key, start := cacheKey(ctx, token), c.Clock.Now()
	if known, found := c.known.Get(key); found && start.Before(known.until) {
		c.Metrics.TokenCached(true, c.Clock.Since(start))
		return known.response, known.ok, known.err
	}
	defer func() { c.Metrics.TokenCached(false, c.Clock.Since(start)) }()
	done := c.Metrics.TokenWaits()
	defer done()
	result := c.asking.DoChan(string(key[:]), func() (any, error) {
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), askPatience) // whoever waits beside the caller wants the answer too
		defer cancel()
		return c.ask(asking, key, token), nil
	})
	select {
	case <-ctx.Done():
		return nil, false, ctx.Err()
	case answered := <-result:
		answer, ok := answered.Val.(cachedAnswer)
		if !ok {
			return nil, false, answered.Err
		}
		return answer.response, answer.ok, answer.err
	}
}

func (c *Cached) ask(ctx context.Context, key [sha256.Size]byte, token string) cachedAnswer {
	done := c.Metrics.TokenFetch()
	answer := cachedAnswer{}
	answer.response, answer.ok, answer.err = c.next(ctx, token)
	done(answer.err)
	keep := c.Refused
	if answer.ok && answer.err == nil {
		keep = c.Accepted
	}
	if keep > 0 && (answer.err == nil || c.KeepErrors) {
		answer.until = c.Clock.Now().Add(keep)
		c.known.Put(key, answer)
	}
	return answer
}

// next asks in a goroutine that belongs to no request: there, a panic would end the process.
func (c *Cached) next(ctx context.Context, token string) (response *authenticator.Response, ok bool, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			response, ok, err = nil, false, fmt.Errorf("recognizing a token: panic: %v", reason)
			log.FromContext(ctx).Error(err, "Recognizing a token panicked", "stack", string(debug.Stack()))
		}
	}()
	return c.Next.AuthenticateToken(ctx, token)
}

// cacheKey is of the token and of the audiences that it is wanted for.
func cacheKey(ctx context.Context, token string) [sha256.Size]byte {
	digest := sha256.New()
	write := func(part string) {
		_ = binary.Write(digest, binary.BigEndian, uint64(len(part))) // a hash takes everything
		digest.Write([]byte(part))
	}
	write(token)
	audiences, _ := authenticator.AudiencesFrom(ctx)
	for _, audience := range audiences {
		write(audience)
	}
	var key [sha256.Size]byte
	digest.Sum(key[:0])
	return key
}
