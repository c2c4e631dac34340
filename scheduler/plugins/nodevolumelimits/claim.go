package nodevolumelimits

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis/storage/intree"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumes"
)

// driver of volumes: its place in the list of those that were ever seen.
type driver int

// attached is a volume by driver and handle; claims without a volume yet count by their names.
type attached struct {
	driver driver
	handle string
}

// claim is what is attached for one.
type claim struct {
	attached
	counts  bool // whether there is something to be attached
	missing bool
	volume  string // that it names
	slots   []int  // of tallies that it has been counted in
}

// maxMissing is how many claims that are not there are remembered.
const maxMissing = 1024

func (p *Plugin) driver(name string) driver {
	d, ok := p.drivers[name]
	if !ok {
		if p.drivers == nil {
			p.drivers = map[string]driver{}
		}
		d = driver(len(p.drivers))
		p.drivers[name] = d
	}
	return d
}

// each calls visit with every claim of a pod, and with its own volumes of drivers that have moved out of the tree.
func (p *Plugin) each(ctx context.Context, pod *corev1.Pod, visit func(*claim)) error {
	for i := range pod.Spec.Volumes {
		name := volumes.Name(pod, &pod.Spec.Volumes[i])
		if name == "" {
			if inline := intree.Inline(&pod.Spec.Volumes[i], pod.Namespace); inline != nil {
				visit(&claim{counts: true, attached: attached{p.driver(inline.Spec.CSI.Driver), inline.Spec.CSI.VolumeHandle}})
			}
			continue
		}
		key := types.NamespacedName{Namespace: pod.Namespace, Name: name}
		c := p.claims[key]
		if c == nil {
			var err error
			if c, err = p.resolve(ctx, key); err != nil {
				return err
			}
			p.remember(key, c)
		}
		visit(c)
	}
	return nil
}

// note that the claim is counted in a tally.
func (c *claim) note(slot int) {
	if slot != uncounted && !slices.Contains(c.slots, slot) {
		c.slots = append(c.slots, slot)
	}
}

// remember what a claim is, until one of the events that are listened to.
func (p *Plugin) remember(key types.NamespacedName, c *claim) {
	if !p.listening() {
		return
	}
	if c.missing {
		if p.missing == maxMissing {
			p.forgetAll()
		}
		p.missing++
	}
	p.claims[key] = c
	if c.volume != "" {
		p.byVolume[c.volume] = append(p.byVolume[c.volume], key)
	}
}

// resolve reads what is attached for a claim.
func (p *Plugin) resolve(ctx context.Context, key types.NamespacedName) (*claim, error) {
	var object corev1.PersistentVolumeClaim
	if err := p.Client.Get(ctx, key, &object); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return &claim{missing: true}, nil
		}
		return nil, fmt.Errorf("reading claim %s: %w", key, err)
	}
	c := &claim{volume: object.Spec.VolumeName}
	if c.volume != "" {
		v, err := volumes.Volume(ctx, p.Client, c.volume)
		if err != nil {
			return nil, err
		}
		if v != nil {
			if csi := intree.Volume(v); csi != nil {
				c.counts, c.attached = true, attached{p.driver(csi.Driver), csi.VolumeHandle}
			}
			return c, nil
		}
	}
	class, err := volumes.Class(ctx, p.Client, &object)
	if err != nil {
		return nil, err
	}
	if class != nil {
		c.counts, c.attached = true, attached{p.driver(cmp.Or(intree.Driver(class.Provisioner), class.Provisioner)), "claim " + key.String()}
	}
	return c, nil
}
