package kit

import (
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// echo is what the cache will show of a write.
type echo struct {
	to      *holder // whose request made the write
	request reconcile.Request
	view    *view
	key     string // namespace/name
	uid     types.UID
	kind    echoKind
	// revision is the one that was written, or the one that was not the newest.
	revision uint64
	since    time.Time
	heard    bool
}

type echoKind int

const (
	written  echoKind = iota // it was written at revision
	replaced                 // somebody else has written it since revision: a conflict said so
	deleted                  // it goes, or is gone
	exists                   // there is one already: creating another said so
)

// shown says whether the cache, which holds obj (or none, nil) under the name, shows what is waited for.
func (e *echo) shown(obj client.Object) bool {
	switch e.kind {
	case written:
		return obj != nil && revisionOf(obj) >= e.revision || e.view.high.Load() >= e.revision
	case replaced:
		return obj == nil || obj.GetUID() != e.uid || revisionOf(obj) > e.revision
	case deleted:
		return obj == nil || obj.GetUID() != e.uid || obj.GetDeletionTimestamp() != nil
	}
	return obj != nil
}

// told says whether an event shows what is waited for: obj has come, has changed or is gone.
func (e *echo) told(obj client.Object, gone bool) bool {
	if gone {
		return e.uid == "" || obj.GetUID() == e.uid || e.shown(nil)
	}
	return e.shown(obj)
}

func revisionOf(obj client.Object) uint64 {
	revision, err := strconv.ParseUint(obj.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return revision
}
