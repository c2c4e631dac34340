package state

import (
	"sort"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// State is what the scheduler knows of nodes and of the pods on them. It is safe for concurrent use.
//
// A pod goes through it like this:
//
//	Assume --------> assumed on a node --- SetPod (the API says it is bound) ---> confirmed
//	                     |                                                        |
//	                   Forget (binding failed)                                  RemovePod
type State struct {
	mu      sync.Mutex
	nodes   map[string]*entry
	pods    map[types.UID]*placed
	changed map[string]struct{} // nodes that the next snapshot must copy
	last    *Snapshot
}

// entry is a node; known is false for one that pods name but that does not exist.
type entry struct {
	info  *NodeInfo
	known bool
}

type placed struct {
	info    *PodInfo
	node    string
	assumed bool
}

// New returns an empty state.
func New() *State {
	return &State{nodes: map[string]*entry{}, pods: map[types.UID]*placed{}, changed: map[string]struct{}{}}
}

// SetNode adds a node or replaces what is known of it.
func (s *State) SetNode(node *corev1.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.node(node.Name)
	e.known = true
	e.info.SetNode(node)
}

// RemoveNode forgets a node. Pods that are on it stay until they are removed themselves.
func (s *State) RemoveNode(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.node(name)
	e.known = false
	if len(e.info.pods) == 0 {
		delete(s.nodes, name)
	}
}

// Assume places a pod on a node before the API says so.
func (s *State) Assume(info *PodInfo, node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place(info, node, true)
}

// Forget takes back an assumption; a pod that the API has confirmed stays.
func (s *State) Forget(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pods[uid]; p != nil && p.assumed {
		s.remove(uid)
	}
}

// SetPod records a pod that the API says is on a node and still uses resources there.
func (s *State) SetPod(pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place(NewPodInfo(pod), pod.Spec.NodeName, false)
}

// RemovePod forgets a pod that is gone or finished.
func (s *State) RemovePod(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(uid)
}

// Placed says whether a pod is on a node, assumed or confirmed.
func (s *State) Placed(uid types.UID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pods[uid] != nil
}

func (s *State) place(info *PodInfo, node string, assumed bool) {
	uid := info.pod.UID
	s.remove(uid)
	s.pods[uid] = &placed{info: info, node: node, assumed: assumed}
	s.node(node).info.AddPodInfo(info)
}

func (s *State) remove(uid types.UID) {
	p := s.pods[uid]
	if p == nil {
		return
	}
	delete(s.pods, uid)
	e := s.node(p.node)
	if err := e.info.RemovePod(klog.Logger{}, p.info.pod); err == nil && len(e.info.pods) == 0 && !e.known {
		delete(s.nodes, p.node)
	}
}

// node returns the entry of a node for a change.
func (s *State) node(name string) *entry {
	s.changed[name] = struct{}{}
	if s.nodes[name] == nil {
		s.nodes[name] = &entry{info: NewNodeInfo(nil)}
	}
	return s.nodes[name]
}

// Snapshot returns a view of now. Nodes that did not change since the last one are shared with it.
func (s *State) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil && len(s.changed) == 0 {
		return s.last
	}
	next := &Snapshot{byName: map[string]*NodeInfo{}}
	if s.last != nil && !s.rosterChanged() {
		next.order = s.last.order
	}
	for name, e := range s.nodes {
		if !e.known {
			continue
		}
		if old := s.last.get(name); old != nil && !s.isChanged(name) {
			next.byName[name] = old
			continue
		}
		next.byName[name] = e.info.clone()
	}
	if next.order == nil {
		for name := range next.byName {
			next.order = append(next.order, name)
		}
		sort.Strings(next.order)
	}
	next.index()
	clear(s.changed)
	s.last = next
	return next
}

func (s *State) isChanged(name string) bool {
	_, changed := s.changed[name]
	return changed
}

// rosterChanged says whether nodes have come or gone since the last snapshot.
func (s *State) rosterChanged() bool {
	for name := range s.changed {
		e := s.nodes[name]
		if (e != nil && e.known) != (s.last.get(name) != nil) {
			return true
		}
	}
	return false
}
