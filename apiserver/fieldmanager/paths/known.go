package paths

import "sync"

// Known keeps sets that have been read from FieldsV1: what the managers of one object own, those of many others own as well.
type Known struct {
	mu   sync.Mutex
	sets map[string]Set
}

const (
	// maxKnown is how many sets are kept. All are forgotten when there are more: they are soon known again.
	maxKnown = 512
	// maxKnownText is the longest text that is kept.
	maxKnownText = 8 << 10
)

func (k *Known) Get(raw []byte) (Set, bool) {
	if k == nil {
		return nil, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	set, ok := k.sets[string(raw)]
	return set, ok
}

func (k *Known) Put(text string, set Set) {
	if k == nil || len(text) > maxKnownText {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sets == nil || len(k.sets) >= maxKnown {
		k.sets = make(map[string]Set)
	}
	k.sets[text] = set
}
