package foundation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
)

// What is read of a filled blank is what would be decoded, and nothing else is taken for it.
func TestKnownObjectsAreTheirs(t *testing.T) {
	blanks, err := sharedBlanks()
	if err != nil {
		t.Fatal(err)
	}
	const uid, other types.UID = "4a1cf6a6-6dd9-4b2c-9a60-1f0f2a3c5d7e", "4a1cf6a6-6dd9-4b2c-9a60-1f0f2a3c5d7f"
	now, later := time.Unix(1_790_000_000, 0), time.Unix(1_790_000_001, 0)
	for _, b := range blanks {
		known := Known(b.kind)
		filled := b.fill(uid, now)
		first, second := known(filled), known(b.fill(other, later))
		if first == nil || second == nil {
			t.Fatalf("%s is not known", b.key)
		}
		kind := kinds.Kind{Row: b.kind, Storage: b.kind.Storage(), StoredAs: b.kind.GroupVersionKind(b.kind.Storage().Name)}
		want, err := kind.Decode(filled, 7)
		if err != nil {
			t.Fatal(err)
		}
		first.SetResourceVersion("7")
		if !equality.Semantic.DeepEqual(want, first) {
			t.Errorf("%s is not what is decoded: %s", b.key, cmp.Diff(want, first))
		}
		if second.GetUID() != other || second.GetCreationTimestamp().Unix() != later.Unix() || second.GetResourceVersion() != "" {
			t.Errorf("%s of another cluster is %s of %s", b.key, second.GetUID(), second.GetCreationTimestamp())
		}
		for i := range filled { // outside of what is filled in
			if inside(i, b.uid, len(nobody)) {
				continue
			}
			filled[i] ^= 1
			if _, ok := timeOf(b, i); !ok && b.read(filled) != nil {
				t.Fatalf("%s is known with another byte at %d", b.key, i)
			}
			filled[i] ^= 1
		}
	}
}

func inside(i, from, length int) bool { return i >= from && i < from+length }

// timeOf is which of the times of a blank a byte belongs to.
func timeOf(b *blank, i int) (int, bool) {
	for n, made := range b.made {
		if inside(i, made, timeLength) {
			return n, true
		}
	}
	return 0, false
}
