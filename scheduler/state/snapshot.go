package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// Snapshot is the view of one scheduling cycle.
type Snapshot struct {
	// Topology counts pods by what nodes have in common.
	Topology *Topology

	byName     map[string]*NodeInfo
	position   map[string]int // in all
	all        []fwk.NodeInfo // zones take turns, so that any stretch of the list is spread over them
	names      []string       // of all, and their generations: read without looking at every node
	ages       []int64
	claims     map[string]int // by how many pods each is used
	shunned    int            // nodes with a taint that pods had better avoid
	generation int64
	roster     int64

	affinity, antiAffinity []fwk.NodeInfo // made when somebody asks
	listed                 int64          // generation that they are of
}

var (
	_ fwk.SharedLister      = &Snapshot{}
	_ fwk.NodeInfoLister    = &Snapshot{}
	_ fwk.StorageInfoLister = &Snapshot{}
)

func newSnapshot() *Snapshot {
	s := &Snapshot{byName: map[string]*NodeInfo{}, position: map[string]int{}, claims: map[string]int{}}
	s.Topology = newTopology(s)
	return s
}

// set replaces a node, or removes it if now is nil; counts says whether there is more to it than another version of one of its pods.
// It returns whether nodes have come or gone.
func (s *Snapshot) set(name string, now *NodeInfo, counts bool) bool {
	old := s.byName[name]
	s.countNode(old, -1)
	s.countNode(now, 1)
	if now == nil {
		delete(s.byName, name)
		return old != nil
	}
	s.byName[name] = now
	now.generation = s.generation
	if old != nil && !counts {
		now.generation = old.generation
	}
	if old == nil || zone(old.node) != zone(now.node) {
		return true
	}
	if old.node != now.node && !maps.Equal(old.node.Labels, now.node.Labels) {
		s.Topology.columns = nil
	}
	now.position = s.position[name]
	s.all[now.position], s.ages[now.position] = now, now.generation
	return false
}

func (s *Snapshot) countNode(node *NodeInfo, sign int) {
	if node == nil {
		return
	}
	if slices.ContainsFunc(node.node.Spec.Taints, func(t corev1.Taint) bool { return t.Effect == corev1.TaintEffectPreferNoSchedule }) {
		s.shunned += sign
	}
	for claim, pods := range node.claims {
		if s.claims[claim] += sign * pods; s.claims[claim] <= 0 {
			delete(s.claims, claim)
		}
	}
}

// arrange lists all nodes anew: the first of each zone, the second of each zone, and so on.
func (s *Snapshot) arrange() {
	nodes := make([]*NodeInfo, 0, len(s.byName))
	for _, node := range s.byName {
		nodes = append(nodes, node)
	}
	slices.SortFunc(nodes, func(a, b *NodeInfo) int { return cmp.Compare(a.node.Name, b.node.Name) })
	turn, rank := map[string]int{}, make(map[*NodeInfo]int, len(nodes))
	for _, node := range nodes {
		rank[node] = turn[zone(node.node)]
		turn[zone(node.node)]++
	}
	slices.SortStableFunc(nodes, func(a, b *NodeInfo) int {
		return cmp.Or(cmp.Compare(rank[a], rank[b]), cmp.Compare(zone(a.node), zone(b.node)))
	})
	s.all, s.names, s.ages = make([]fwk.NodeInfo, len(nodes)), make([]string, len(nodes)), make([]int64, len(nodes))
	clear(s.position)
	s.roster++
	s.Topology.columns = nil
	for i, node := range nodes {
		s.all[i], s.names[i], s.ages[i] = node, node.node.Name, node.generation
		node.position = i
		s.position[node.node.Name] = i
	}
}

func zone(node *corev1.Node) string {
	return node.Labels[corev1.LabelTopologyRegion] + "/" + node.Labels[corev1.LabelTopologyZone]
}

func (s *Snapshot) list() {
	if s.listed == s.generation {
		return
	}
	s.listed, s.affinity, s.antiAffinity = s.generation, nil, nil
	for _, info := range s.all {
		node := info.(*NodeInfo)
		if len(node.affinity) > 0 {
			s.affinity = append(s.affinity, node)
		}
		if len(node.antiAffinity) > 0 {
			s.antiAffinity = append(s.antiAffinity, node)
		}
	}
}

// Shunned says whether there are nodes with a taint PreferNoSchedule.
func (s *Snapshot) Shunned() bool { return s.shunned > 0 }

// Roster changes when the list of nodes is made anew.
func (s *Snapshot) Roster() int64 { return s.roster }

// Generations of the nodes, by their positions.
func (s *Snapshot) Generations() []int64 { return s.ages }

// Names of the nodes, by their positions.
func (s *Snapshot) Names() []string { return s.names }

// NodeInfos implements fwk.SharedLister.
func (s *Snapshot) NodeInfos() fwk.NodeInfoLister { return s }

// StorageInfos implements fwk.SharedLister.
func (s *Snapshot) StorageInfos() fwk.StorageInfoLister { return s }

// PodGroupStates implements fwk.SharedLister.
func (s *Snapshot) PodGroupStates() fwk.PodGroupStateLister { return noPodGroups{} }

// List implements fwk.NodeInfoLister.
func (s *Snapshot) List() ([]fwk.NodeInfo, error) { return s.all, nil }

// HavePodsWithAffinityList implements fwk.NodeInfoLister.
func (s *Snapshot) HavePodsWithAffinityList() ([]fwk.NodeInfo, error) {
	s.list()
	return s.affinity, nil
}

// HavePodsWithRequiredAntiAffinityList implements fwk.NodeInfoLister.
func (s *Snapshot) HavePodsWithRequiredAntiAffinityList() ([]fwk.NodeInfo, error) {
	s.list()
	return s.antiAffinity, nil
}

// Get implements fwk.NodeInfoLister.
func (s *Snapshot) Get(name string) (fwk.NodeInfo, error) {
	if node := s.byName[name]; node != nil {
		return node, nil
	}
	return nil, fmt.Errorf("node %q is not in the snapshot", name)
}

// IsPVCUsedByPods implements fwk.StorageInfoLister.
func (s *Snapshot) IsPVCUsedByPods(key string) bool { return s.claims[key] > 0 }

// noPodGroups: PodGroups are an alpha API that is not served.
type noPodGroups struct{}

func (noPodGroups) Get(namespace, name string) (fwk.PodGroupState, error) {
	return nil, fmt.Errorf("pod group %s/%s: pod groups are not served", namespace, name)
}
