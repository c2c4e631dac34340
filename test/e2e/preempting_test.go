package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// A pod of a high priority takes the place of one of a low priority when that has ended.
func TestPreempts(t *testing.T) {
	s := newSpace(t)
	t.Cleanup(func() { s.must(s.try("delete", "priorityclass", s.name+"-low", s.name+"-high", "--ignore-not-found")) })
	s.kubectl("create", "priorityclass", s.name+"-low", "--value=10")
	s.kubectl("create", "priorityclass", s.name+"-high", "--value=1000")
	cpus := s.get("node/"+s.node(), ".status.allocatable.cpu")
	ranked := func(name, rank string) string {
		manifest := strings.Replace(fmt.Sprintf(sleeper, name), "cpu: 10m", "cpu: "+cpus, 1)
		return strings.Replace(manifest, "  containers:", "  priorityClassName: "+s.name+"-"+rank+"\n  containers:", 1)
	}
	s.apply(ranked("low", "low"))
	s.up("low")
	s.apply(ranked("second", "low"))
	s.pending("second", "0/1 nodes are available: 1 Insufficient cpu.")
	s.apply(ranked("high", "high"))
	s.up("high")
	s.event("low", "Normal", "Preempted", "Preempted by pod "+s.get("pod/high", ".metadata.uid")+" on node "+s.node())
	s.event("high", "Normal", "Scheduled", fmt.Sprintf("Successfully assigned %s/high to %s", s.name, s.node()))
	s.same("where the other pod is", s.get("pod/second", ".spec.nodeName"), "")
	s.kubectl("delete", "pod", "high")
	s.up("second")
}
