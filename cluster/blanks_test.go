package cluster

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

func decoded(t *testing.T, row *resource.Resource, value []byte) resource.Object {
	t.Helper()
	obj := row.Storage().New()
	if _, err := codec.DecodeStored(value, obj); err != nil {
		t.Fatal(err)
	}
	return obj
}
