package plugins

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodeaffinity"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodename"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodeports"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/noderesources"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodeunschedulable"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodevolumelimits"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/podtopologyspread"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/tainttoleration"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumebinding"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumerestrictions"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumezone"
)

// hinted is an event, and whether it wakes a pod that a plugin has refused.
type hinted struct {
	why      string
	event    fwk.ClusterEvent
	waiting  *corev1.Pod
	old, now any
	wakes    bool
}

func check(t *testing.T, plugin fwk.EnqueueExtensions, cases ...hinted) {
	t.Helper()
	hints, err := plugin.EventsToRegister(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		wakes := false
		for _, h := range hints {
			if h.Event.Resource != c.event.Resource || h.Event.ActionType&c.event.ActionType == 0 {
				continue
			}
			verdict := fwk.Queue
			if h.QueueingHintFn != nil {
				if verdict, err = h.QueueingHintFn(klog.Background(), c.waiting, c.old, c.now); err != nil {
					t.Errorf("%s: %s: %v", plugin.Name(), c.why, err)
				}
			}
			wakes = wakes || verdict == fwk.Queue
		}
		if wakes != c.wakes {
			t.Errorf("%s: %s: wakes %v, want %v", plugin.Name(), c.why, wakes, c.wakes)
		}
	}
}

func event(resource fwk.EventResource, action fwk.ActionType) fwk.ClusterEvent {
	return fwk.ClusterEvent{Resource: resource, ActionType: action}
}

func podOf(name string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
	for _, f := range change {
		f(p)
	}
	return p
}

func asking(list ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		requests := corev1.ResourceList{}
		for i := 0; i < len(list); i += 2 {
			requests[corev1.ResourceName(list[i])] = resource.MustParse(list[i+1])
		}
		p.Spec.Containers = []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: requests}}}
	}
}

func nodeOf(change ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{}}}
	for _, f := range change {
		f(n)
	}
	return n
}

func having(list ...string) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Status.Allocatable = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("10")}
		for i := 0; i < len(list); i += 2 {
			n.Status.Allocatable[corev1.ResourceName(list[i])] = resource.MustParse(list[i+1])
		}
	}
}

func at(key, value string) func(*corev1.Node) {
	return func(n *corev1.Node) { n.Labels[key] = value }
}

func tainted(key string) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
	}
}

func tolerating(key string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Tolerations = append(p.Spec.Tolerations, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists})
	}
}

// What does not help a pod does not wake it: it was tried at any change of a node, and then had to wait for its backoff when help came.
func TestHintsOfResources(t *testing.T) {
	two, gpu := podOf("p", asking("cpu", "2")), podOf("p", asking("a.b/gpu", "1"))
	added, updated, gone, less := event(fwk.Node, fwk.Add), event(fwk.Node, fwk.UpdateNodeAllocatable), event(fwk.Pod, fwk.Delete), event(fwk.Pod, fwk.UpdatePodScaleDown)
	check(t, &noderesources.Fit{Client: fake.NewClientBuilder().Build()},
		hinted{"a node that is too small", added, two, nil, nodeOf(having("cpu", "1")), false},
		hinted{"a node that is large enough", added, two, nil, nodeOf(having("cpu", "2")), true},
		hinted{"a node without such", added, gpu, nil, nodeOf(having("cpu", "2")), false},
		hinted{"more of something else, and no class of devices is for it", updated, gpu, nodeOf(having("cpu", "1")), nodeOf(having("cpu", "2")), false},
		hinted{"more, but not enough", updated, two, nodeOf(having("cpu", "1")), nodeOf(having("cpu", "1500m")), false},
		hinted{"enough", updated, two, nodeOf(having("cpu", "1")), nodeOf(having("cpu", "2")), true},
		hinted{"more of something else", updated, two, nodeOf(having("cpu", "2", "memory", "1Gi")), nodeOf(having("cpu", "2", "memory", "2Gi")), false},
		hinted{"a pod is gone", gone, two, podOf("x"), nil, true},
		hinted{"another takes less", less, two, podOf("x", asking("cpu", "2")), podOf("x", asking("cpu", "1")), true},
		hinted{"another takes less of something else", less, gpu, podOf("x", asking("cpu", "2")), podOf("x", asking("cpu", "1")), false},
		hinted{"it asks for less itself", less, two, two, two, true},
	)
}

func TestHintsOfNodes(t *testing.T) {
	p := podOf("p", func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"disk": "ssd"} })
	added, labels, taints, tolerates := event(fwk.Node, fwk.Add), event(fwk.Node, fwk.UpdateNodeLabel), event(fwk.Node, fwk.UpdateNodeTaint), event(fwk.Pod, fwk.UpdatePodToleration)
	ssd, cordoned := at("disk", "ssd"), func(n *corev1.Node) { n.Spec.Unschedulable = true }
	check(t, &nodeaffinity.Plugin{},
		hinted{"a node that does not match", added, p, nil, nodeOf(), false}, hinted{"a node that matches", added, p, nil, nodeOf(ssd), true},
		hinted{"another label", labels, p, nodeOf(), nodeOf(at("a", "b")), false}, hinted{"the label", labels, p, nodeOf(), nodeOf(ssd), true},
		hinted{"it has matched before", labels, p, nodeOf(ssd), nodeOf(ssd, at("a", "b")), false})
	check(t, &tainttoleration.Plugin{},
		hinted{"a node with a taint", added, p, nil, nodeOf(tainted("a")), false}, hinted{"a node without", added, p, nil, nodeOf(), true},
		hinted{"one of two taints is gone", taints, p, nodeOf(tainted("a"), tainted("b")), nodeOf(tainted("a")), false},
		hinted{"the taint is gone", taints, p, nodeOf(tainted("a")), nodeOf(), true},
		hinted{"it tolerates more", tolerates, p, p, podOf("p", tolerating("a")), true}, hinted{"another tolerates more", tolerates, p, podOf("x"), podOf("x", tolerating("a")), false})
	check(t, &nodeunschedulable.Plugin{},
		hinted{"a cordoned node", added, p, nil, nodeOf(cordoned), false}, hinted{"a node", added, p, nil, nodeOf(), true},
		hinted{"the cordon is gone", taints, p, nodeOf(cordoned), nodeOf(), true}, hinted{"another taint is gone", taints, p, nodeOf(cordoned, tainted("a")), nodeOf(cordoned), false},
		hinted{"it tolerates something", tolerates, p, p, podOf("p", tolerating("a")), false},
		hinted{"it tolerates cordons", tolerates, p, p, podOf("p", tolerating(corev1.TaintNodeUnschedulable)), true})
	named := podOf("p", func(p *corev1.Pod) { p.Spec.NodeName = "m" })
	check(t, &nodename.Plugin{}, hinted{"another node", added, named, nil, nodeOf(), false},
		hinted{"the node", added, named, nil, nodeOf(func(n *corev1.Node) { n.Name = "m" }), true})
}

func TestHintsOfPorts(t *testing.T) {
	port := func(number int32, ip string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{HostPort: number, HostIP: ip, Protocol: corev1.ProtocolTCP}}}}
		}
	}
	gone := event(fwk.Pod, fwk.Delete)
	check(t, &nodeports.Plugin{},
		hinted{"it had no ports", gone, podOf("p", port(80, "")), podOf("x"), nil, false},
		hinted{"it had another port", gone, podOf("p", port(80, "")), podOf("x", port(81, "")), nil, false},
		hinted{"it had the port at another address", gone, podOf("p", port(80, "10.0.0.1")), podOf("x", port(80, "10.0.0.2")), nil, false},
		hinted{"it had the port", gone, podOf("p", port(80, "10.0.0.1")), podOf("x", port(80, "")), nil, true})
}

func TestHintsOfSpreading(t *testing.T) {
	app := func(name string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Labels = map[string]string{"app": name} }
	}
	constraint := corev1.TopologySpreadConstraint{MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}}
	spread := func(c corev1.TopologySpreadConstraint) *corev1.Pod {
		return podOf("p", app("a"), func(p *corev1.Pod) { p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{c} })
	}
	honest := constraint
	honest.NodeTaintsPolicy = ptr.To(corev1.NodeInclusionPolicyHonor)
	added, gone, labels, taints := event(fwk.Node, fwk.Add), event(fwk.Node, fwk.Delete), event(fwk.Node, fwk.UpdateNodeLabel), event(fwk.Node, fwk.UpdateNodeTaint)
	zone := at("zone", "z")
	check(t, &podtopologyspread.Plugin{},
		hinted{"a node outside of zones", added, spread(constraint), nil, nodeOf(), false}, hinted{"a node in a zone", added, spread(constraint), nil, nodeOf(zone), true},
		hinted{"a node of a zone is gone", gone, spread(constraint), nodeOf(zone), nil, true}, hinted{"another label", labels, spread(constraint), nodeOf(zone), nodeOf(zone, at("a", "b")), false},
		hinted{"another zone", labels, spread(constraint), nodeOf(zone), nodeOf(at("zone", "y")), true}, hinted{"a taint that does not count", taints, spread(constraint), nodeOf(zone, tainted("a")), nodeOf(zone), false},
		hinted{"a taint that counts", taints, spread(honest), nodeOf(zone, tainted("a")), nodeOf(zone), true},
		hinted{"another pod of the kind", event(fwk.Pod, fwk.Add), spread(constraint), nil, podOf("x", app("a")), true},
		hinted{"a pod of another kind", event(fwk.Pod, fwk.Add), spread(constraint), nil, podOf("x", app("b")), false},
		hinted{"its own labels", event(fwk.Pod, fwk.UpdatePodLabel), spread(constraint), podOf("p"), podOf("p", app("b")), true})
}

func TestHintsOfVolumes(t *testing.T) {
	using := func(claim string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
		}
	}
	p, gone := podOf("p", using("c")), event(fwk.Pod, fwk.Delete)
	check(t, &volumerestrictions.Plugin{}, hinted{"it used another claim", gone, p, podOf("x", using("d")), nil, false}, hinted{"it used the claim", gone, p, podOf("x", using("c")), nil, true})
	limit := func(count int32) *storagev1.CSINode {
		return &storagev1.CSINode{Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{Name: "d", Allocatable: &storagev1.VolumeNodeResources{Count: &count}}}}}
	}
	csi := event(fwk.CSINode, fwk.Update)
	check(t, &nodevolumelimits.Plugin{}, hinted{"the same limit", csi, p, limit(1), limit(1), false}, hinted{"a higher limit", csi, p, limit(1), limit(2), true}, hinted{"a lower limit", csi, p, limit(2), limit(1), false},
		hinted{"no limit any more", csi, p, limit(1), &storagev1.CSINode{}, true}, hinted{"it had no volumes", gone, p, podOf("x"), nil, false}, hinted{"it had a volume", gone, p, podOf("x", using("d")), nil, true})
	check(t, &volumezone.Plugin{}, hinted{"another label", event(fwk.Node, fwk.UpdateNodeLabel), p, nodeOf(), nodeOf(at("a", "b")), false},
		hinted{"another zone", event(fwk.Node, fwk.UpdateNodeLabel), p, nodeOf(), nodeOf(at(corev1.LabelTopologyZone, "b")), true})
	capacity := func(size string) *storagev1.CSIStorageCapacity {
		return &storagev1.CSIStorageCapacity{Capacity: ptr.To(resource.MustParse(size))}
	}
	single := func(size, most string) *storagev1.CSIStorageCapacity {
		c := capacity(size)
		c.MaximumVolumeSize = ptr.To(resource.MustParse(most))
		return c
	}
	more := event(fwk.CSIStorageCapacity, fwk.Update)
	check(t, &volumebinding.Plugin{}, hinted{"less capacity", more, p, capacity("2Gi"), capacity("1Gi"), false}, hinted{"more capacity", more, p, capacity("1Gi"), capacity("2Gi"), true},
		hinted{"larger volumes of the same capacity", more, p, capacity("1Gi"), single("1Gi", "2Gi"), true}, hinted{"volumes as large of more capacity", more, p, single("1Gi", "1Gi"), single("2Gi", "1Gi"), false},
		hinted{"another class of the same places", event(fwk.StorageClass, fwk.Update), p, &storagev1.StorageClass{}, &storagev1.StorageClass{}, false},
		hinted{"capacity counts no more", event(fwk.CSIDriver, fwk.Update), p, &storagev1.CSIDriver{Spec: storagev1.CSIDriverSpec{StorageCapacity: ptr.To(true)}}, &storagev1.CSIDriver{}, true},
		hinted{"a driver is the same", event(fwk.CSIDriver, fwk.Update), p, &storagev1.CSIDriver{}, &storagev1.CSIDriver{}, false})
}
