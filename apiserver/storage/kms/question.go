package kms

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// question to decrypt a seed. All who have the same share it: it lasts until the plugin answers or its timeout is over,
// whoever goes away meanwhile.
type question struct {
	key    string
	from   source
	isSeed bool
	asked  time.Time
	late   bool // a reader in a hurry went on without the answer

	answered chan struct{} // closed when these two are there
	seed     *seed
	err      error
}

// failure of a question to decrypt. It counts for a moment, so that a thousand values do not wait for the same answer one
// after the other.
type failure struct {
	err error
	at  time.Time
}

const (
	// failureLife is how long a failure counts.
	failureLife = whileFailing
	// patience is how long after a question was asked a reader in a hurry waits for the answer.
	patience = time.Second
)

type hurry struct{}

// Hurry marks the context of a reader that holds up others: it does not wait long for a plugin. When the answer comes
// after all, that counts as a change.
func Hurry(ctx context.Context) context.Context { return context.WithValue(ctx, hurry{}, true) }

// open finds what decrypts values that are stored beside a source, and asks the plugin where nobody knows.
func (p *Provider) open(ctx context.Context, from source, isSeed bool) (*seed, error) {
	key := seedKey(from, isSeed)
	if known, ok := p.seeds.Get(key); ok {
		return known.(*seed), nil
	}
	q := p.ask(ctx, &question{key: key, from: from, isSeed: isSeed, asked: p.clock.Now(), answered: make(chan struct{})})
	var enough <-chan time.Time
	if ctx.Value(hurry{}) != nil {
		timer := p.clock.NewTimer(q.asked.Add(patience).Sub(p.clock.Now()))
		defer timer.Stop()
		enough = timer.C()
	}
	select {
	case <-q.answered:
		return q.seed, q.err
	case <-enough:
		return p.leave(q)
	case <-ctx.Done():
		return nil, failed(ctx.Err())
	}
}

// ask the plugin, unless that is done already or in vain.
func (p *Provider) ask(ctx context.Context, q *question) *question {
	p.opening.Lock()
	defer p.opening.Unlock()
	if same, ok := p.questions[q.key]; ok {
		return same
	}
	if q.seed, q.err = p.known(q.key); q.seed != nil || q.err != nil {
		close(q.answered)
		return q
	}
	p.questions[q.key] = q
	go p.answer(context.WithoutCancel(ctx), q)
	return q
}

// known is what can be said without asking. While the plugin does not answer, all questions fail at once: when it does
// again, that counts as a change, and what could not be read is read again.
func (p *Provider) known(key string) (*seed, error) {
	if known, ok := p.seeds.Get(key); ok {
		return known.(*seed), nil
	}
	if now := p.health.Load(); now != nil && unanswered(now.err) {
		return nil, failed(now.err)
	}
	if p.hung != nil {
		return nil, p.hung.err
	}
	if before, ok := p.failures[key]; ok && p.clock.Since(before.at) < failureLife {
		return nil, before.err
	}
	return nil, nil
}

func (p *Provider) answer(ctx context.Context, q *question) {
	made, err := p.decrypted(ctx, q.from, q.isSeed)
	if p.settle(q, made, err) && err == nil {
		p.changed()
	}
}

// settle a question, and say whether somebody went on without the answer.
func (p *Provider) settle(q *question, made *seed, err error) (late bool) {
	p.opening.Lock()
	defer p.opening.Unlock()
	delete(p.questions, q.key)
	defer close(q.answered)
	if err == nil {
		q.seed = made
		delete(p.failures, q.key)
		p.keep(q.key, made)
		return q.late
	}
	q.err = failed(err)
	if !unanswered(err) {
		if len(p.failures) >= maxSeeds {
			clear(p.failures)
		}
		p.failures[q.key] = failure{err: q.err, at: p.clock.Now()}
		return q.late
	}
	if p.hung == nil {
		p.hung = q
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	return q.late
}

// leave a question before its answer, unless that has come just now.
func (p *Provider) leave(q *question) (*seed, error) {
	p.opening.Lock()
	defer p.opening.Unlock()
	select {
	case <-q.answered:
		return q.seed, q.err
	default:
		q.late = true
		return nil, failed(status.Error(codes.DeadlineExceeded, "the KMS plugin has not answered yet"))
	}
}

// askAgain what the plugin has not answered. Once it does, what could not be read meanwhile may be readable.
func (p *Provider) askAgain(ctx context.Context) error {
	p.opening.Lock()
	q := p.hung
	p.opening.Unlock()
	if q == nil {
		return nil
	}
	made, err := p.decrypted(ctx, q.from, q.isSeed)
	if ctx.Err() != nil || unanswered(err) {
		return err
	}
	if err == nil {
		p.keep(q.key, made)
	}
	p.forgive()
	p.changed()
	return nil
}

// forgive has everything tried again that failed.
func (p *Provider) forgive() {
	p.opening.Lock()
	defer p.opening.Unlock()
	clear(p.failures)
	p.hung = nil
}

func failed(err error) error { return fmt.Errorf("failed to decrypt DEK, error: %w", err) }

// unanswered says whether an error is about a plugin that does not answer, not one of its answers.
func unanswered(err error) bool {
	code := status.Code(err)
	return code == codes.DeadlineExceeded || code == codes.Unavailable
}
