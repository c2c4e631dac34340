package eventratelimit

import (
	"container/list"
	"strings"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"
)

func limitOf(size int) *limit {
	return &limit{rate: 1, burst: 1, size: size, clock: testingclock.NewFakePassiveClock(time.Unix(0, 0)), buckets: map[string]*list.Element{}, recent: list.New()}
}

// Who makes events chooses what is in their keys: keys are told apart, but do not take the memory that they like.
func TestLongKeysTakeNoMoreMemory(t *testing.T) {
	l := limitOf(10)
	a, b := strings.Repeat("a", 1<<20), strings.Repeat("a", 1<<20)+"b"
	if !l.take(a) || !l.take(b) {
		t.Error("the first of a key was refused")
	}
	if l.take(a) || l.take(b) {
		t.Error("the second of a key was let pass")
	}
	for key := range l.buckets {
		if len(key) > longestKey {
			t.Errorf("a key of %d bytes is kept", len(key))
		}
	}
}

func TestBucketsAreAsManyAsAreKept(t *testing.T) {
	l := limitOf(2)
	for _, key := range []string{"a", "b", "a", "c"} {
		l.take(key)
	}
	if l.take("a") || !l.take("b") || len(l.buckets) != 2 || l.recent.Len() != 2 {
		t.Errorf("of a, b, a and c the last two are kept, not %v", l.buckets)
	}
}
