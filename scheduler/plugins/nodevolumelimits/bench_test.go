package nodevolumelimits

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func logger() klog.Logger { return klog.Background() }

// counting counts reads.
type counting struct {
	*cluster
	n int
}

// Get implements client.Reader.
func (c *counting) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	c.n++
	return c.cluster.Get(ctx, key, into, opts...)
}

// fill makes nodes with so many pods, each of which has a volume.
func (c *cluster) fill(nodes, pods int) {
	for i := range nodes {
		node := fmt.Sprint("node-", i)
		c.nodes.SetNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}})
		c.set(limitsOf(node, map[string]int32{"driver": 39}))
		for j := range pods {
			suffix := fmt.Sprint(i, "-", j)
			c.set(volumeOf("volume-"+suffix, "driver", suffix))
			c.set(claimOf("claim-"+suffix, "volume-"+suffix, "class"))
			c.nodes.SetPod(podWith("pod-"+suffix, node, "claim-"+suffix))
		}
	}
}

// BenchmarkPod asks 1,000 nodes with 20 pods each, one of which has changed since the pod before.
func BenchmarkPod(b *testing.B) {
	c := newCluster(b)
	c.fill(1000, 20)
	p := &Plugin{Client: c, Informers: &c.informers}
	for i := range 1000 {
		name := fmt.Sprint("new-", i)
		c.set(volumeOf(name, "driver", name))
		c.set(claimOf(name, name, "class"))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		name := fmt.Sprint("new-", i%1000)
		nodes, err := c.nodes.Snapshot().List()
		if err != nil {
			b.Fatal(err)
		}
		ask(b, p, podWith(name, "", name), nodes)
		c.nodes.SetPod(podWith(name, fmt.Sprint("node-", i%1000), name))
	}
}
