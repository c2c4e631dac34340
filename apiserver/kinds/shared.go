package kinds

import (
	"hash/maphash"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// decodeCached reads a stored value for the watch cache. Nobody changes what is there, so objects may share what they have alike.
func (k *Kind) decodeCached(value []byte, revision int64) (runtime.Object, error) {
	decoded, err := k.Decode(value, revision)
	if err != nil || k.Custom != nil {
		return decoded, err
	}
	obj, ok := decoded.(resource.Object)
	if !ok {
		return decoded, nil
	}
	if k.Row.Share != nil {
		k.Row.Share(obj)
	}
	owned := obj.GetManagedFields()
	for i := range owned {
		owned[i].FieldsV1 = sharedFields.share(owned[i].FieldsV1)
	}
	return decoded, nil
}

// sharedFields are what managers have owned lately, of all kinds: it is the same fields in most objects of one manager.
var sharedFields fieldSets

// maxSharedFields is how long a set of fields may be that is kept for others, and with their number bounds what is kept.
const maxSharedFields = 4 << 10

// fieldSets remember one set of fields for each slot.
type fieldSets struct {
	slots [256]atomic.Pointer[metav1.FieldsV1]
}

var fieldsSeed = maphash.MakeSeed()

// share returns a set that reads like fields, an older one if it is remembered.
func (s *fieldSets) share(fields *metav1.FieldsV1) *metav1.FieldsV1 {
	if fields == nil {
		return nil
	}
	raw := fields.GetRawBytes()
	if len(raw) > maxSharedFields {
		return fields
	}
	slot := &s.slots[maphash.Bytes(fieldsSeed, raw)%uint64(len(s.slots))]
	if older := slot.Load(); older != nil && older.Equal(*fields) {
		return older
	}
	slot.Store(fields)
	return fields
}
