package state

import (
	"maps"
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
	mu       sync.Mutex
	nodes    map[string]*entry
	pods     map[types.UID]*placed
	changed  map[string]bool // nodes that the next snapshot must copy; whether they count otherwise than before
	moves    []move          // that the next snapshot must count
	snapshot *Snapshot
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
	return &State{nodes: map[string]*entry{}, pods: map[types.UID]*placed{}, changed: map[string]bool{}, snapshot: newSnapshot()}
}

// SetNode adds a node or replaces what is known of it.
func (s *State) SetNode(node *corev1.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.node(node.Name)
	old := e.info.node
	if e.known && maps.Equal(old.Labels, node.Labels) {
		e.info.SetNode(node)
		if !sameImages(old.Status.Images, node.Status.Images) {
			s.moves = append(s.moves, move{images: old.Status.Images, sign: -1}, move{images: node.Status.Images, sign: 1})
		}
		return
	}
	if e.known {
		s.moveAll(e.info, -1)
	}
	e.known = true
	e.info.SetNode(node)
	s.moveAll(e.info, 1)
}

// RemoveNode forgets a node. Pods that are on it stay until they are removed themselves.
func (s *State) RemoveNode(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.node(name)
	if e.known {
		s.moveAll(e.info, -1)
	}
	e.known = false
	if len(e.info.pods) == 0 {
		delete(s.nodes, name)
	}
}

// moveAll takes note that a node comes or goes with all pods on it.
func (s *State) moveAll(info *NodeInfo, sign int) {
	s.moves = append(s.moves, move{node: info.node, images: info.node.Status.Images, sign: sign})
	for _, pod := range info.pods {
		s.moves = append(s.moves, move{pod: pod.(*PodInfo), node: info.node, sign: sign})
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
	info := (*PodInfo)(nil)
	if p := s.pods[pod.UID]; p != nil {
		info = p.info.renewed(pod)
	}
	if info == nil {
		info = NewPodInfo(pod)
	}
	s.place(info, pod.Spec.NodeName, false)
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
	if p := s.pods[uid]; p != nil && p.node == node && p.info.equivalent(info) {
		p.assumed = assumed
		s.replace(p, info)
		return
	}
	s.remove(uid)
	s.pods[uid] = &placed{info: info, node: node, assumed: assumed}
	e := s.node(node)
	e.info.AddPodInfo(info)
	if e.known {
		s.moves = append(s.moves, move{pod: info, node: e.info.node, sign: 1})
	}
}

// replace exchanges what is known of a pod for something that counts the same.
func (s *State) replace(p *placed, info *PodInfo) {
	old := p.info
	p.info = info
	s.nodes[p.node].info.replace(old, info)
	if !s.changed[p.node] {
		s.changed[p.node] = false
	}
}

func (s *State) remove(uid types.UID) {
	p := s.pods[uid]
	if p == nil {
		return
	}
	delete(s.pods, uid)
	e := s.node(p.node)
	if err := e.info.RemovePod(klog.Logger{}, p.info.pod); err != nil {
		return
	}
	if e.known {
		s.moves = append(s.moves, move{pod: p.info, node: e.info.node, sign: -1})
	} else if len(e.info.pods) == 0 {
		delete(s.nodes, p.node)
	}
}

// node returns the entry of a node for a change.
func (s *State) node(name string) *entry {
	s.changed[name] = true
	if s.nodes[name] == nil {
		s.nodes[name] = &entry{info: NewNodeInfo(nil)}
	}
	return s.nodes[name]
}

// fewChanges are as many as there usually are from one cycle to the next.
const fewChanges = 128

// forgetChanges ends a snapshot. A map that was large once is as slow to read and to clear as when it was full.
func (s *State) forgetChanges() {
	if len(s.changed) > fewChanges {
		s.changed = map[string]bool{}
	} else {
		clear(s.changed)
	}
	clear(s.moves)
	s.moves = s.moves[:0]
}

// Snapshot returns a view of now. It is the same one each time, brought up to date: what has not changed since the last
// time costs nothing. Only one goroutine may use it; the nodes in it do not change themselves.
func (s *State) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.changed) == 0 {
		return s.snapshot
	}
	s.snapshot.generation++
	roster := false
	for name, counts := range s.changed {
		var now *NodeInfo
		if e := s.nodes[name]; e != nil && e.known {
			now = e.info.clone()
		}
		roster = s.snapshot.set(name, now, counts) || roster
	}
	if roster {
		s.snapshot.arrange()
	}
	for _, m := range s.moves {
		s.snapshot.Topology.apply(m)
	}
	s.forgetChanges()
	return s.snapshot
}

// Node returns a copy of what is known of a node now, nil if there is none of that name.
func (s *State) Node(name string) *NodeInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.nodes[name]
	if e == nil || !e.known {
		return nil
	}
	return e.info.clone()
}

// Refuses asks about a node as it is now, without a copy; a node that is not there refuses nothing.
func (s *State) Refuses(name string, refuses func(*NodeInfo) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.nodes[name]
	return e != nil && e.known && refuses(e.info)
}

// Count is how many nodes there are, how many pods on nodes, and how many of these are assumed to be.
func (s *State) Count() (nodes, pods, assumed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.nodes {
		if e.known {
			nodes++
		}
	}
	for _, p := range s.pods {
		if p.assumed {
			assumed++
		}
	}
	return nodes, len(s.pods), assumed
}
