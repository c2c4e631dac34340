package nodevolumelimits

import (
	"fmt"
	"math/rand"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// TestAnswersAfterEvents holds what is kept up to date against what is counted anew.
func TestAnswersAfterEvents(t *testing.T) {
	for seed := range int64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewSource(seed))
			c := newCluster(t)
			p := &Plugin{Client: c, Informers: &c.informers}
			refused := 0
			for step := range 400 {
				c.happen(r, step)
				nodes, err := c.nodes.Snapshot().List()
				if err != nil {
					t.Fatal(err)
				}
				pod := podWith(fmt.Sprint("pod-", r.Intn(30)), "", randomClaims(r)...)
				refused += c.compare(p, pod, nodes)
				tried := copies(nodes)
				for range 3 {
					c.takeFrom(r, tried)
					c.compare(p, pod, tried)
				}
			}
			if refused == 0 {
				t.Error("no node was ever full")
			}
			p.Close()
		})
	}
}

// compare the plugin's answers with those of one who looks at everything; it returns how many nodes are refused.
func (c *cluster) compare(p *Plugin, pod *corev1.Pod, nodes []fwk.NodeInfo) (refused int) {
	c.Helper()
	for i, got := range ask(c, p, pod, nodes) {
		if want := c.fits(pod, nodes[i]); got != want {
			c.Fatalf("%v fits %s: %t, want %t", pod.Spec.Volumes, nodes[i], got, want)
		}
		if !got {
			refused++
		}
	}
	return refused
}

func copies(nodes []fwk.NodeInfo) []fwk.NodeInfo {
	var all []fwk.NodeInfo
	for _, node := range nodes {
		all = append(all, node.Snapshot())
	}
	return all
}

// takeFrom nodes one pod each, as preemption tries.
func (c *cluster) takeFrom(r *rand.Rand, nodes []fwk.NodeInfo) {
	for _, node := range nodes {
		if pods := node.GetPods(); len(pods) > 0 {
			if err := node.RemovePod(logger(), pods[r.Intn(len(pods))].GetPod()); err != nil {
				c.Fatal(err)
			}
		}
	}
}

func randomClaims(r *rand.Rand) []string {
	var claims []string
	for range r.Intn(4) {
		if r.Intn(5) == 0 {
			claims = append(claims, "")
		} else {
			claims = append(claims, fmt.Sprint("claim-", r.Intn(25)))
		}
	}
	return claims
}

// happen changes something.
func (c *cluster) happen(r *rand.Rand, step int) {
	pick := func(what string, n int) string { return fmt.Sprint(what, "-", r.Intn(n)) }
	node, driver := pick("node", 4), pick("driver", 2)
	claim := claimOf(pick("claim", 25), "", pick("class", 3))
	if r.Intn(4) == 0 {
		claim.Name = fmt.Sprint("pod-", r.Intn(30), "-v0") // of an ephemeral volume
	}
	switch r.Intn(16) {
	case 0:
		c.nodes.SetNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node, Labels: map[string]string{corev1.LabelTopologyZone: pick("zone", 2)}}})
	case 1:
		if r.Intn(3) == 0 {
			c.nodes.RemoveNode(node)
		}
	case 2, 3:
		c.set(limitsOf(node, map[string]int32{"driver-0": r.Int31n(6), driver: r.Int31n(6)}))
	case 4:
		c.remove(limitsOf(node, nil))
	case 5:
		c.set(&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: pick("class", 3)}, Provisioner: driver})
	case 6:
		c.remove(&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: pick("class", 3)}})
	case 7, 8:
		c.set(claim)
	case 9:
		claim.Spec.VolumeName = pick("volume", 15)
		c.set(claim)
	case 10:
		c.remove(claim)
	case 11:
		c.set(volumeOf(pick("volume", 15), []string{"", driver, driver}[r.Intn(3)], pick("handle", 10)))
	case 12:
		c.remove(volumeOf(pick("volume", 15), "", ""))
	case 13:
		c.nodes.RemovePod(named(pick("pod", 30)).UID)
	default:
		pod := podWith(pick("pod", 30), node, randomClaims(r)...)
		pod.Generation = int64(step)
		c.nodes.SetPod(pod)
	}
}

// TestReadsWhatChanged holds how much is read to what has changed.
func TestReadsWhatChanged(t *testing.T) {
	c := newCluster(t)
	c.fill(10, 5)
	reads := &counting{cluster: c}
	p := &Plugin{Client: reads, Informers: &c.informers}
	look := func(pod *corev1.Pod) int {
		reads.n = 0
		nodes, err := c.nodes.Snapshot().List()
		if err != nil {
			t.Fatal(err)
		}
		ask(t, p, pod, nodes)
		return reads.n
	}
	c.set(volumeOf("new", "driver", "new"))
	c.set(claimOf("new", "new", "class"))
	look(podWith("new", "", "new"))
	if n := look(podWith("new", "", "new")); n != 0 {
		t.Errorf("%d reads when nothing has changed", n)
	}
	c.nodes.SetPod(podWith("new", "node-3", "new"))
	if n := look(podWith("newer", "", "new")); n != 0 {
		t.Errorf("%d reads when a known pod has come to a node", n)
	}
	c.set(limitsOf("node-4", map[string]int32{"driver": 7}))
	if n := look(podWith("newer", "", "new")); n != 1 {
		t.Errorf("%d reads when limits have changed", n)
	}
	c.set(volumeOf("volume-1-1", "driver", "another"))
	if n := look(podWith("newer", "", "new")); n != 2 {
		t.Errorf("%d reads when a volume has changed", n)
	}
}

// TestManyMissingClaims is about the bound on claims that are not there.
func TestManyMissingClaims(t *testing.T) {
	c := newCluster(t)
	c.fill(1, 1)
	p := &Plugin{Client: c, Informers: &c.informers}
	var names []string
	for i := range maxMissing + 10 {
		names = append(names, fmt.Sprint("absent-", i))
	}
	c.nodes.SetPod(podWith("many", "node-0", names...))
	pod := podWith("pod", "", "claim-0-0", "later")
	nodes, err := c.nodes.Snapshot().List()
	if err != nil {
		t.Fatal(err)
	}
	c.set(limitsOf("node-0", map[string]int32{"driver": 2}))
	c.set(volumeOf("later", "driver", "later"))
	c.set(claimOf("later", "later", "class"))
	if !ask(t, p, pod, nodes)[0] || len(p.claims) > maxMissing+2 {
		t.Errorf("does not fit, or %d claims are remembered", len(p.claims))
	}
	c.set(volumeOf("found", "driver", "found"))
	c.set(claimOf("absent-3", "found", "class"))
	if ask(t, p, pod, nodes)[0] {
		t.Error("fits, though a claim that was not there is now")
	}
}
