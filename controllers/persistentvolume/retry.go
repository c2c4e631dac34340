package persistentvolume

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// longestPause is how long at most a volume that cannot be emptied or deleted is left alone, unless the first pause is longer.
const longestPause = 2 * time.Minute

// retries are when volumes that could not be emptied or deleted are tried again: later each time.
type retries struct {
	mu    sync.Mutex
	pause map[types.UID]pause
}

type pause struct {
	until  time.Time
	lasted time.Duration
}

// failed notes that a volume could not be emptied or deleted.
func (r *retries) failed(volume types.UID, now time.Time, first time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := min(max(2*r.pause[volume].lasted, first), max(first, longestPause))
	if r.pause == nil {
		r.pause = map[types.UID]pause{}
	}
	r.pause[volume] = pause{now.Add(next), next}
}

// wait is how long a volume that has failed is left alone. One of which nothing is known is tried at once.
func (r *retries) wait(volume types.UID, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pause[volume].until.Sub(now)
}

// done forgets a volume that is empty, or gone.
func (r *retries) done(volume types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pause, volume)
}
