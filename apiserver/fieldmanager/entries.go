package fieldmanager

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// entries are what each manager owns, as metadata.managedFields lists it.
type entries []*entry

// entry is one manager's. Its fields are read when somebody needs them, and written if they changed.
type entry struct {
	id
	time *metav1.Time
	raw  []byte // nil if fields changed since
	// trusted says that raw comes from a stored object, and is spelled as it should be.
	trusted bool
	known   *paths.Known
	fields  paths.Set
	parsed  bool
	// tree is raw for an object without a Go type.
	tree map[string]any
}

// id tells managers apart. One that applies is the same in each version.
type id struct {
	manager, version, subresource string
	operation                     metav1.ManagedFieldsOperationType
}

func (i id) same(other id) bool {
	if i.operation == metav1.ManagedFieldsOperationApply {
		i.version = other.version
	}
	return i == other
}

// emptyFields is the set of nothing.
var emptyFields = []byte("{}")

var errEntry = errors.New("malformed managedFields")

// readEntries reads a list of managed fields. trusted are entries that were stored before, whose sets may be known.
func readEntries(list, trusted []metav1.ManagedFieldsEntry, known *paths.Known) (entries, error) {
	out := make(entries, 0, len(list)+1)
	for i := range list {
		from := &list[i]
		operation := from.Operation == metav1.ManagedFieldsOperationApply || from.Operation == metav1.ManagedFieldsOperationUpdate
		if !operation || from.APIVersion == "" || from.FieldsType != "FieldsV1" {
			return nil, errEntry
		}
		e := &entry{id: id{manager: from.Manager, version: from.APIVersion, subresource: from.Subresource, operation: from.Operation}, time: from.Time, raw: emptyFields}
		if from.FieldsV1 != nil {
			e.raw = from.FieldsV1.GetRawBytes()
		}
		e.known = known
		e.trusted = i < len(trusted) && trusted[i].FieldsV1 != nil && bytes.Equal(e.raw, trusted[i].FieldsV1.GetRawBytes())
		if err := e.check(); err != nil {
			return nil, err
		}
		if known := out.find(e.id); known != nil {
			*known = *e // the last of two that are the same
		} else {
			out = append(out, e)
		}
	}
	return out, nil
}

// check reads what a client may have written itself.
func (e *entry) check() error {
	if e.trusted {
		return nil
	}
	return e.parse()
}

// parse reads the fields if that has not been done.
func (e *entry) parse() error {
	if e.parsed {
		return nil
	}
	if set, ok := e.known.Get(e.raw); ok && e.trusted {
		e.fields, e.parsed = set, true
		return nil
	}
	text := string(e.raw)
	fields, asWritten, err := paths.Parse(text, e.trusted)
	if err != nil {
		return err
	}
	e.fields, e.parsed = fields, true
	if !asWritten {
		e.raw = nil
	} else if e.trusted {
		e.known.Put(text, fields)
	}
	return nil
}

// set replaces the fields.
func (e *entry) set(fields paths.Set) {
	e.fields, e.parsed, e.raw, e.tree = fields, true, nil, nil
}

func (e entries) find(who id) *entry {
	for _, one := range e {
		if one.same(who) {
			return one
		}
	}
	return nil
}

// lose takes fields from every entry, and drops those that own nothing any more.
func (e entries) lose(lost ...paths.Set) (entries, error) {
	if !slices.ContainsFunc(lost, func(s paths.Set) bool { return len(s) > 0 }) {
		return e, nil
	}
	kept := e[:0]
	for _, one := range e {
		if !one.mayOwn(lost) {
			kept = append(kept, one)
			continue
		}
		if err := one.parse(); err != nil {
			return nil, err
		}
		for _, fields := range lost {
			if left, changed := one.fields.Without(fields); changed {
				one.set(left)
			}
		}
		if len(one.fields) > 0 {
			kept = append(kept, one)
		}
	}
	return kept, nil
}

// drop removes the entries that own nothing.
func (e entries) drop() entries {
	return slices.DeleteFunc(e, func(one *entry) bool {
		return (one.raw != nil && bytes.Equal(one.raw, emptyFields)) || (one.parsed && len(one.fields) == 0)
	})
}

// mayOwn looks for the roots of the fields without reading them all.
func (e *entry) mayOwn(lost []paths.Set) bool {
	if e.parsed {
		return true
	}
	for _, fields := range lost {
		for i := range fields {
			if bytes.Contains(e.raw, []byte(`"`+fields[i].Element+`":`)) {
				return true
			}
		}
	}
	return false
}

// gain adds fields to the entry of a manager, which acts now.
func (e entries) gain(who id, fields paths.Set, now *metav1.Time) (entries, error) {
	one := e.find(who)
	if one == nil {
		one = &entry{id: who, parsed: true}
		e = append(e, one)
	}
	if err := one.parse(); err != nil {
		return nil, err
	}
	one.set(fields.Union(one.fields))
	one.time = now
	return e, nil
}

const (
	// maxUpdaters is how many managers that update are kept apart.
	maxUpdaters = 10
	// ancient is who the fields of the oldest of them go to.
	ancient = "ancient-changes"
)

// limit merges the oldest updates of each version until there are few enough.
func (e entries) limit() (entries, error) {
	var updaters entries
	for _, one := range e {
		if one.operation != metav1.ManagedFieldsOperationApply {
			updaters = append(updaters, one)
		}
	}
	if len(updaters) <= maxUpdaters {
		return e, nil
	}
	slices.SortFunc(updaters, func(a, b *entry) int { return cmp.Or(cmp.Compare(a.seconds(), b.seconds()), a.id.compare(b.id)) })
	first := map[string]*entry{} // what the oldest of a version have become
	left := len(updaters)
	for _, one := range updaters {
		if left <= maxUpdaters {
			break
		}
		oldest := first[one.version]
		if oldest == nil {
			first[one.version] = one
			continue
		}
		into, err := e.fold(oldest, one)
		if err != nil {
			return nil, err
		}
		first[one.version] = into
		if into != one {
			e = slices.DeleteFunc(e, func(other *entry) bool { return other == one })
			left--
		}
	}
	return e, nil
}

// fold gives the fields of one to that of the ancient changes of its version, which the oldest becomes when there is none, and returns it.
func (e entries) fold(oldest, one *entry) (*entry, error) {
	if err := errors.Join(oldest.parse(), one.parse()); err != nil {
		return nil, err
	}
	bucket := id{manager: ancient, version: one.version, operation: metav1.ManagedFieldsOperationUpdate}
	into := oldest
	if existing := e.find(bucket); existing != nil && existing != oldest {
		if err := existing.parse(); err != nil {
			return nil, err
		}
		into = existing
	}
	if into != one {
		into.id, into.time = bucket, one.time
		into.set(one.fields.Union(into.fields))
	}
	return into, nil
}

func (e *entry) seconds() int64 {
	if e.time == nil {
		return 0
	}
	return e.time.Unix()
}

// compare orders ids as their spelling in JSON would be, in which no subresource comes after any.
func (i id) compare(other id) int {
	order := cmp.Or(strings.Compare(i.manager, other.manager), strings.Compare(string(i.operation), string(other.operation)), strings.Compare(i.version, other.version))
	if order == 0 && (i.subresource == "") != (other.subresource == "") {
		return strings.Compare(other.subresource, i.subresource)
	}
	return cmp.Or(order, strings.Compare(i.subresource, other.subresource))
}

// untouched says whether the entries are still those of a list, in its order.
func (e entries) untouched(list []metav1.ManagedFieldsEntry) bool {
	if len(e) != len(list) {
		return false
	}
	for i, one := range e {
		from := &list[i]
		if one.raw == nil || !one.trusted || !one.time.Equal(from.Time) ||
			one.id != (id{manager: from.Manager, version: from.APIVersion, subresource: from.Subresource, operation: from.Operation}) {
			return false
		}
	}
	return slices.IsSortedFunc(list, compareEntries)
}

// write returns the list of managed fields, in its order: those that apply first, then by age.
func (e entries) write() []metav1.ManagedFieldsEntry {
	if len(e) == 0 {
		return nil
	}
	var room [1 << 10]byte
	list := make([]metav1.ManagedFieldsEntry, 0, len(e))
	for _, one := range e {
		raw := one.raw
		if raw == nil {
			raw = one.fields.AppendFields(room[:0])
		}
		fields := &metav1.FieldsV1{}
		fields.SetRawBytes(raw) // which copies them
		list = append(list, metav1.ManagedFieldsEntry{Manager: one.manager, Operation: one.operation, APIVersion: one.version, Time: one.time,
			FieldsType: "FieldsV1", FieldsV1: fields, Subresource: one.subresource})
	}
	slices.SortFunc(list, compareEntries)
	return list
}

func compareEntries(a, b metav1.ManagedFieldsEntry) int {
	return cmp.Or(strings.Compare(string(a.Operation), string(b.Operation)), cmp.Compare(secondsOf(a.Time), secondsOf(b.Time)),
		strings.Compare(a.Manager, b.Manager), strings.Compare(a.APIVersion, b.APIVersion), strings.Compare(a.Subresource, b.Subresource))
}

func secondsOf(t *metav1.Time) int64 {
	if t == nil {
		return 0
	}
	return t.Unix()
}
