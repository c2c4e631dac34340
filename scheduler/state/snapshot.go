package state

import (
	"fmt"

	fwk "k8s.io/kube-scheduler/framework"
)

// Snapshot is the view of one scheduling cycle. It is not changed after it was taken, except by the plugins that
// simulate on copies of its nodes.
type Snapshot struct {
	byName map[string]*NodeInfo
	order  []string // by name

	all, affinity, antiAffinity []fwk.NodeInfo
	claims                      map[string]bool
}

var (
	_ fwk.SharedLister      = &Snapshot{}
	_ fwk.NodeInfoLister    = &Snapshot{}
	_ fwk.StorageInfoLister = &Snapshot{}
)

func (s *Snapshot) get(name string) *NodeInfo {
	if s == nil {
		return nil
	}
	return s.byName[name]
}

// index fills in the lists that plugins ask for.
func (s *Snapshot) index() {
	s.all = make([]fwk.NodeInfo, 0, len(s.order))
	s.claims = map[string]bool{}
	for _, name := range s.order {
		node := s.byName[name]
		s.all = append(s.all, node)
		if len(node.affinity) > 0 {
			s.affinity = append(s.affinity, node)
		}
		if len(node.antiAffinity) > 0 {
			s.antiAffinity = append(s.antiAffinity, node)
		}
		for claim := range node.claims {
			s.claims[claim] = true
		}
	}
}

// NodeInfos implements fwk.SharedLister.
func (s *Snapshot) NodeInfos() fwk.NodeInfoLister { return s }

// StorageInfos implements fwk.SharedLister.
func (s *Snapshot) StorageInfos() fwk.StorageInfoLister { return s }

// PodGroupStates implements fwk.SharedLister.
func (s *Snapshot) PodGroupStates() fwk.PodGroupStateLister { return noPodGroups{} }

// List implements fwk.NodeInfoLister.
func (s *Snapshot) List() ([]fwk.NodeInfo, error) { return s.all, nil }

// HavePodsWithAffinityList implements fwk.NodeInfoLister.
func (s *Snapshot) HavePodsWithAffinityList() ([]fwk.NodeInfo, error) { return s.affinity, nil }

// HavePodsWithRequiredAntiAffinityList implements fwk.NodeInfoLister.
func (s *Snapshot) HavePodsWithRequiredAntiAffinityList() ([]fwk.NodeInfo, error) {
	return s.antiAffinity, nil
}

// Get implements fwk.NodeInfoLister.
func (s *Snapshot) Get(name string) (fwk.NodeInfo, error) {
	if node := s.get(name); node != nil {
		return node, nil
	}
	return nil, fmt.Errorf("node %q is not in the snapshot", name)
}

// IsPVCUsedByPods implements fwk.StorageInfoLister.
func (s *Snapshot) IsPVCUsedByPods(key string) bool { return s.claims[key] }

// noPodGroups: PodGroups are an alpha API that is not served.
type noPodGroups struct{}

func (noPodGroups) Get(namespace, name string) (fwk.PodGroupState, error) {
	return nil, fmt.Errorf("pod group %s/%s: pod groups are not served", namespace, name)
}
