package foundation

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"sync"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/types"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// sharedKnown are the blanks of each row, by the length of what is stored.
var sharedKnown = sync.OnceValue(func() map[*resource.Resource]map[int][]*blank {
	known := map[*resource.Resource]map[int][]*blank{}
	blanks, err := sharedBlanks()
	if err != nil {
		return known // whoever fills them in says so
	}
	for _, b := range blanks {
		if known[b.kind] == nil {
			known[b.kind] = map[int][]*blank{}
		}
		known[b.kind][len(b.value)] = append(known[b.kind][len(b.value)], b)
	}
	return known
})

// Known returns what reads values that were filled into blanks of a row. Their objects share, within the process, all that no cluster has
// for itself: to decode them for each would be a tenth of a start. Nobody changes what is in a cache.
func Known(row *resource.Resource) func(value []byte) resource.Object {
	byLength := sharedKnown()[row]
	if byLength == nil {
		return nil
	}
	return func(value []byte) resource.Object {
		for _, b := range byLength[len(value)] {
			if obj := b.read(value); obj != nil {
				return obj
			}
		}
		return nil
	}
}

// read is the object of a value that fill made, and nil for any other value.
func (b *blank) read(value []byte) resource.Object {
	at := 0
	next := func(hole, length int) bool {
		same := bytes.Equal(value[at:hole], b.value[at:hole])
		at = hole + length
		return same
	}
	uid := b.uid
	for _, made := range b.made {
		if uid >= 0 && uid < made {
			if !next(uid, len(nobody)) {
				return nil
			}
			uid = -1
		}
		if !next(made, timeLength) || !bytes.Equal(value[made:made+timeLength], value[b.made[0]:b.made[0]+timeLength]) {
			return nil
		}
	}
	if uid >= 0 && !next(uid, len(nobody)) || !next(len(value), 0) {
		return nil
	}
	seconds, n := binary.Uvarint(value[b.made[0] : b.made[0]+timeLength])
	object := b.object()
	if n != timeLength || object == nil {
		return nil
	}
	made := reflect.New(reflect.TypeOf(object).Elem())
	made.Elem().Set(reflect.ValueOf(object).Elem())
	read := made.Interface().(resource.Object)
	switch read := read.(type) { // what is stamped beside the metadata
	case *flowcontrolv1.FlowSchema:
		read.Status.Conditions = slices.Clone(read.Status.Conditions)
	case *apiregistrationv1.APIService:
		read.Status.Conditions = slices.Clone(read.Status.Conditions)
	}
	stamp(read, time.Unix(int64(seconds), 0))
	read.SetUID(types.UID(value[b.uid : b.uid+len(nobody)]))
	return read
}

// decode is what b.object has: nil where that cannot be read.
func (b *blank) decode() resource.Object {
	version := b.kind.Storage()
	object := version.New()
	if _, err := codec.DecodeStored(b.value, object); err != nil {
		return nil
	}
	if version.Default != nil {
		version.Default(object)
	}
	object.GetObjectKind().SetGroupVersionKind(b.kind.GroupVersionKind(version.Name))
	return object
}
