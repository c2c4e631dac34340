package foundation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// What is filled in is what would have been encoded: an object with its own UID, made now, and nothing of nobody's.
func TestBlanksAreFilledIn(t *testing.T) {
	blanks, err := sharedBlanks()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := bootstrapObjects()
	if err != nil {
		t.Fatal(err)
	}
	if len(blanks) != len(objects) {
		t.Fatalf("%d blanks of %d objects", len(blanks), len(objects))
	}
	const uid types.UID = "4a1cf6a6-6dd9-4b2c-9a60-1f0f2a3c5d7e"
	now := time.Unix(1_790_000_000, 0)
	for _, b := range blanks {
		wanted, row := objects[b.index], b.kind
		stamp(wanted, now)
		wanted.SetUID(uid)
		value, err := encodeBootstrap(row, wanted)
		if err != nil {
			t.Fatal(err)
		}
		if filled := b.fill(uid, now); string(filled) != string(value) {
			t.Errorf("%s is not what would be stored: %s", b.key, cmp.Diff(decoded(t, row, value), decoded(t, row, filled)))
		}
	}
}

// A machine without a clock of its own makes a cluster as well, and in any year: what it stores can be read.
func TestBlanksAreFilledInWhateverTheClockSays(t *testing.T) {
	blanks, err := sharedBlanks()
	if err != nil {
		t.Fatal(err)
	}
	const uid types.UID = "4a1cf6a6-6dd9-4b2c-9a60-1f0f2a3c5d7e"
	for _, b := range blanks {
		for _, now := range []int64{0, 7, 1 << 14, 1<<28 - 1, 1 << 28, 1 << 32} {
			got := decoded(t, b.kind, b.fill(uid, time.Unix(now, 0)))
			if made := got.GetCreationTimestamp(); made.Unix() != now || got.GetUID() != uid {
				t.Fatalf("%s of %d was made at %d by %s", b.key, now, made.Unix(), got.GetUID())
			}
		}
	}
}

func decoded(t *testing.T, row *resource.Resource, value []byte) resource.Object {
	t.Helper()
	obj := row.Storage().New()
	if _, err := codec.DecodeStored(value, obj); err != nil {
		t.Fatal(err)
	}
	return obj
}
