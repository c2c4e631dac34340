package foundation

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/aggregation"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/config/bootstrap"
)

// blank is an object that every cluster starts with, as it is stored, but for who it is and when it was made. They are encoded once in a
// process, and filled in for each cluster:
//
//	k8s\0 … name:"view" uid:"00000000-…" creationTimestamp:{seconds: nobodysTime} … rules: …
//	                         ^ uid                                   ^ made
type blank struct {
	kind *resource.Resource
	key  string
	// index is its place in bootstrapObjects.
	index int
	value []byte
	uid   int
	made  []int
	// object is what stands in the blank, decoded when it is first needed.
	object func() resource.Object
}

// What stands in a blank is as long as what will. A time of these centuries takes five bytes.
const (
	nobody      = types.UID("00000000-0000-4000-8000-000000000000")
	nobodysTime = 0x5A5A5A5A5
	timeLength  = 5
)

// bootstrapObjects are what every cluster starts with.
func bootstrapObjects() ([]resource.Object, error) {
	objects, err := bootstrap.Objects()
	if err != nil {
		return nil, err
	}
	for _, service := range aggregation.Local(BuiltIn()) {
		objects = append(objects, service)
	}
	return objects, nil
}

// sharedBlanks are those of bootstrapObjects, in the same order.
var sharedBlanks = sync.OnceValues(func() ([]*blank, error) {
	objects, err := bootstrapObjects()
	if err != nil {
		return nil, err
	}
	all := make([]*blank, 0, len(objects))
	for i, object := range objects {
		made, err := newBlank(object)
		if err != nil {
			return nil, fmt.Errorf("preparing %T %s: %w", object, object.GetName(), err)
		}
		made.index = i
		all = append(all, made)
	}
	return all, nil
})

func newBlank(object resource.Object) (*blank, error) {
	row, err := rowOf(object.GetObjectKind().GroupVersionKind())
	if err != nil {
		return nil, err
	}
	b := &blank{kind: row, key: storage.Root + path.Join(row.StoragePrefix, object.GetNamespace(), object.GetName())}
	stamp(object, time.Unix(nobodysTime, 0))
	object.SetUID(nobody)
	if b.value, err = encodeBootstrap(row, object); err != nil {
		return nil, err
	}
	if b.uid = bytes.Index(b.value, []byte(nobody)); b.uid < 0 {
		return nil, fmt.Errorf("no place for its UID")
	}
	wanted := timeText(nobodysTime)
	for at := 0; ; {
		next := bytes.Index(b.value[at:], wanted)
		if next < 0 {
			break
		}
		b.made = append(b.made, at+next)
		at += next + len(wanted)
	}
	if len(b.made) == 0 {
		return nil, fmt.Errorf("no place for its time")
	}
	b.object = sync.OnceValue(b.decode)
	return b, nil
}

// stamp is of bootstrap, and the time since when an API is available.
func stamp(object resource.Object, now time.Time) {
	bootstrap.Stamp(object, now)
	if service, ok := object.(*apiregistrationv1.APIService); ok {
		for i := range service.Status.Conditions {
			service.Status.Conditions[i].LastTransitionTime = service.CreationTimestamp
		}
	}
}

// fill returns an object that is made now.
func (b *blank) fill(uid types.UID, now time.Time) []byte {
	return b.fillInto(slices.Clone(b.value), uid, timeText(now.Unix()))
}

// fillInto fills in a copy of its value.
func (b *blank) fillInto(value []byte, uid types.UID, now []byte) []byte {
	copy(value[b.uid:], uid)
	for _, at := range b.made {
		copy(value[at:], now)
	}
	return value
}

// forms are blanks of many objects that are made at the same time, in one piece of memory.
type forms struct {
	rest []byte
	now  []byte
}

func newForms(blanks []*blank, now time.Time) *forms {
	length := 0
	for _, b := range blanks {
		length += len(b.value)
	}
	return &forms{rest: make([]byte, length), now: timeText(now.Unix())}
}

// fill is as blank.fill, for each blank once.
func (f *forms) fill(b *blank) []byte {
	n := copy(f.rest, b.value)
	value := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b.fillInto(value, uuid.NewUUID(), f.now)
}

// timeText is how protobuf writes the seconds of a time, always in as many bytes: a machine whose clock is not set yet may believe that it is 1970.
func timeText(seconds int64) []byte {
	text := binary.AppendUvarint(make([]byte, 0, binary.MaxVarintLen64), uint64(max(0, seconds)))
	for len(text) < timeLength {
		text[len(text)-1] |= 0x80
		text = append(text, 0)
	}
	return text
}

// encodeBootstrap is an object of the bootstrap as it is stored. It may be changed.
func encodeBootstrap(row *resource.Resource, object resource.Object) ([]byte, error) {
	kind := object.GetObjectKind().GroupVersionKind()
	if version := row.Storage(); version.Default != nil {
		version.Default(object)
	}
	object.GetObjectKind().SetGroupVersionKind(kind)
	return codec.EncodeStored(object)
}
