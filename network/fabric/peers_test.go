package fabric

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPeersTellWhoChanged(t *testing.T) {
	woken, joined := 0, 0
	p := &peers{self: "own", wake: func() { woken++ }, join: func() { joined++ }, all: map[string]peer{}}
	node := func(name, address string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}}}}
	}
	for _, step := range []struct {
		why                   string
		do                    func()
		woken, joined, counts int
	}{
		{"another node", func() { p.set(node("a", "10.0.0.1")) }, 0, 1, 1},
		{"its heartbeat", func() { p.set(node("a", "10.0.0.1")) }, 0, 1, 1},
		{"our own", func() { p.set(node("own", "10.0.0.2")) }, 1, 1, 2},
		{"another address", func() { p.set(node("a", "10.0.0.3")) }, 1, 2, 2},
		{"it goes", func() { p.remove(node("a", "10.0.0.3")) }, 1, 3, 1},
		{"we go", func() { p.remove(node("own", "10.0.0.2")) }, 2, 3, 0},
	} {
		step.do()
		if got, want := fmt.Sprint(woken, joined, p.count()), fmt.Sprint(step.woken, step.joined, step.counts); got != want {
			t.Errorf("%s: woken, joined, counted %s, want %s", step.why, got, want)
		}
	}
}

// Nodes come at 1,000 a second. What is done for them is counted in the nodes that it is done for, in all.
func TestNodesThatComeCostNotTheirSquare(t *testing.T) {
	const come = 5000
	var synced, later time.Duration
	syncs, looked := 0, 0
	sync := func(now time.Duration, nodes int) { synced, later, syncs, looked = now, 0, syncs+1, looked+nodes }
	for nodes := 1; nodes <= come; nodes++ {
		now := time.Duration(nodes) * time.Millisecond
		if rest := pause(nodes) - (now - synced); later == 0 && rest > 0 {
			later = now + rest
		}
		if now >= later {
			sync(now, nodes)
		}
	}
	sync(later, come)
	if looked > 4*come {
		t.Errorf("%d syncs of %d nodes in all for %d that came", syncs, looked, come)
	}
	t.Logf("%d syncs of %d nodes in all for %d that came", syncs, looked, come)
	if pause(1) != 0 || pause(fewNodes) != 0 {
		t.Error("few nodes wait")
	}
}
