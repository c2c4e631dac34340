package cache

// routes finds the watchers that a change concerns, so that a change of one pod does not wake every watcher
// of another pod, namespace or node.
type routes struct {
	by map[route]map[*Watcher]struct{}
}

// route is one way to narrow: all, a namespace, a key or a Kind.Route.
type route struct {
	kind  byte
	value string
}

const (
	routeAll       = 'a'
	routeNamespace = 'n'
	routeKey       = 'k'
	routeOwn       = 'r'
)

// of returns the one route under which a watcher is found: the narrowest.
func (rs *routes) of(w *Watcher) route {
	switch {
	case w.o.Name != "" && (w.o.Namespace != "" || !w.r.kind.Namespaced):
		return route{routeKey, w.key}
	case w.o.Route != "" && w.r.kind.Route != nil:
		return route{routeOwn, w.o.Route}
	case w.o.Namespace != "":
		return route{routeNamespace, w.o.Namespace}
	}
	return route{kind: routeAll}
}

func (rs *routes) add(w *Watcher) {
	if rs.by == nil {
		rs.by = map[route]map[*Watcher]struct{}{}
	}
	to := rs.of(w)
	if rs.by[to] == nil {
		rs.by[to] = map[*Watcher]struct{}{}
	}
	rs.by[to][w] = struct{}{}
}

func (rs *routes) remove(w *Watcher) {
	to := rs.of(w)
	delete(rs.by[to], w)
	if len(rs.by[to]) == 0 {
		delete(rs.by, to)
	}
}

// each calls visit for every watcher.
func (rs *routes) each(visit func(*Watcher)) {
	for _, set := range rs.by {
		for w := range set {
			visit(w)
		}
	}
}

// mark tells the watchers of a change, of which one entry may be nil, that it is at seq. It wakes nobody who knows of an earlier one.
func (rs *routes) mark(r *Resource, entry, previous *Entry, seq uint64) {
	if len(rs.by) == 0 {
		return
	}
	rs.markRoute(route{kind: routeAll}, seq)
	e := entry
	if e == nil {
		e = previous
	}
	rs.markRoute(route{routeKey, e.Key}, seq)
	if e.Namespace != "" {
		rs.markRoute(route{routeNamespace, e.Namespace}, seq)
	}
	if r.kind.Route != nil {
		is, was := r.route(entry), r.route(previous)
		rs.markRoute(route{routeOwn, is}, seq)
		if was != is {
			rs.markRoute(route{routeOwn, was}, seq)
		}
	}
}

func (rs *routes) markRoute(to route, seq uint64) {
	for w := range rs.by[to] {
		if w.pending {
			continue
		}
		w.pending, w.position = true, seq
		if w.circle != nil {
			w.circle.mark(w)
		} else {
			w.signal()
		}
	}
}

// signal makes a wait return, now or at its next call.
func (w *Watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (r *Resource) route(e *Entry) string {
	if e = e.Good(); e == nil {
		return ""
	}
	return r.kind.Route(e.Object)
}

// Watchers is the number of watchers that every change concerns.
func (r *Resource) Watchers() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.watchers.by[route{kind: routeAll}])
}
