package tokens

import (
	"context"
	"sync"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// LastUsed is the label that says on which day a token in a secret was used last.
const LastUsed = "kubernetes.io/legacy-token-last-used"

// Uses notes on secrets the day on which their tokens were used last, once a day for each. No request waits for that.
type Uses struct {
	Clock clock.PassiveClock
	// Mark writes the label of a secret.
	Mark func(ctx context.Context, secret types.NamespacedName, day string) error

	mu    sync.Mutex
	today string
	noted map[types.NamespacedName]types.UID // of which the use today is known
	wake  chan struct{}
	due   map[types.NamespacedName]string
}

// NewUses returns one that notes when it runs.
func NewUses(c clock.PassiveClock, mark func(context.Context, types.NamespacedName, string) error) *Uses {
	return &Uses{
		Clock: c, Mark: mark, noted: map[types.NamespacedName]types.UID{}, due: map[types.NamespacedName]string{}, wake: make(chan struct{}, 1),
	}
}

func (u *Uses) note(secret *corev1.Secret) {
	day := u.Clock.Now().UTC().Format("2006-01-02")
	key := types.NamespacedName{Namespace: secret.Namespace, Name: secret.Name}
	if secret.Labels[LastUsed] == day {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.today != day { // what was noted on other days, perhaps of secrets that are gone, is of no use
		u.today, u.noted = day, map[types.NamespacedName]types.UID{}
	}
	if noted, ok := u.noted[key]; ok && noted == secret.UID {
		return
	}
	u.noted[key], u.due[key] = secret.UID, day
	select {
	case u.wake <- struct{}{}:
	default: // it is awake
	}
}

func (u *Uses) take() map[types.NamespacedName]string {
	u.mu.Lock()
	defer u.mu.Unlock()
	due := u.due
	u.due = map[types.NamespacedName]string{}
	return due
}

// Run writes what is noted, until ctx ends. What could not be written is written when the token is used again.
func (u *Uses) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-u.wake:
		}
		for secret, day := range u.take() {
			if err := u.Mark(ctx, secret, day); err != nil && ctx.Err() == nil {
				logr.FromContextOrDiscard(ctx).Error(err, "Noting the use of a token failed", "secret", secret)
				u.mu.Lock()
				delete(u.noted, secret)
				u.mu.Unlock()
			}
		}
	}
}
