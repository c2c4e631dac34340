package localcache

import (
	"slices"

	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// mergeAll makes one batch of those from one on, up to another: it has one change of each object, or none if the object has
// come and gone. A listener that hears of this batch knows what it would know after all of them.
func mergeAll(from, to *batch) *batch {
	merged, places := &batch{}, map[string]int{}
	for b := from; b != to; b = b.next {
		merged.first, merged.after = merged.first || b.first, max(merged.after, b.after)
		for _, n := range b.notices {
			if at, ok := places[n.key]; ok {
				merged.notices[at] = mergeTwo(merged.notices[at], n)
				continue
			}
			places[n.key] = len(merged.notices)
			merged.notices = append(merged.notices, n)
		}
	}
	merged.notices = slices.DeleteFunc(merged.notices, func(n notice) bool { return n.kind == "" })
	return merged
}

// mergeTwo makes one change of two of an object. Without a kind it is none.
func mergeTwo(first, second notice) notice {
	switch {
	case first.kind == watch.Added && second.kind == watch.Deleted:
		return notice{}
	case first.kind == watch.Added:
		second.kind, second.old = watch.Added, nil
	case first.kind == watch.Modified && second.kind == watch.Modified:
		second.old = first.old
	case first.kind == watch.Deleted:
		second.kind, second.old = watch.Modified, first.now
		if missed, ok := first.now.(toolscache.DeletedFinalStateUnknown); ok {
			second.old = missed.Obj
		}
	}
	return second
}
