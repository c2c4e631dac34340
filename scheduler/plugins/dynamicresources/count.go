package dynamicresources

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/structured"
	"k8s.io/utils/ptr"
)

// Devices are all that there are at a moment.
type Devices struct {
	ledger *Ledger
	slices []*resourcev1.ResourceSlice
	taken  structured.AllocatedState
}

// Devices reads which devices there are, and which are taken.
func (l *Ledger) Devices(ctx context.Context) (*Devices, error) {
	all, err := l.slices(ctx)
	if err != nil {
		return nil, err
	}
	taken, err := l.taken(ctx, nil)
	return &Devices{l, all, taken}, err
}

// Count says how many devices of a class a node can have, and how many of them are taken.
func (d *Devices) Count(ctx context.Context, node *corev1.Node, class *resourcev1.DeviceClass) (taken, all int64) {
	for _, slice := range d.slices {
		for i := range slice.Spec.Devices {
			device := &slice.Spec.Devices[i]
			if !reaches(node, slice, device) || !d.ledger.selects(ctx, class, slice, device) {
				continue
			}
			all++
			if structured.IsDeviceAllocated(structured.MakeDeviceID(slice.Spec.Driver, slice.Spec.Pool.Name, device.Name), &d.taken) {
				taken++
			}
		}
	}
	return taken, all
}

// reaches says whether the node can use the device.
func reaches(node *corev1.Node, slice *resourcev1.ResourceSlice, device *resourcev1.Device) bool {
	name, everywhere, selector := slice.Spec.NodeName, slice.Spec.AllNodes, slice.Spec.NodeSelector
	if ptr.Deref(slice.Spec.PerDeviceNodeSelection, false) {
		name, everywhere, selector = device.NodeName, device.AllNodes, device.NodeSelector
	}
	matches, err := structured.NodeMatches(features(), node, ptr.Deref(name, ""), ptr.Deref(everywhere, false), selector)
	return err == nil && matches
}

// selects says whether the device is of the class.
func (l *Ledger) selects(ctx context.Context, class *resourcev1.DeviceClass, slice *resourcev1.ResourceSlice, device *resourcev1.Device) bool {
	input := cel.Device{
		Driver: slice.Spec.Driver, AllowMultipleAllocations: device.AllowMultipleAllocations, Attributes: device.Attributes, Capacity: device.Capacity,
	}
	for i := range class.Spec.Selectors {
		if class.Spec.Selectors[i].CEL == nil {
			continue
		}
		compiled := l.selectors().GetOrCompile(class.Spec.Selectors[i].CEL.Expression)
		if compiled.Error != nil {
			return false
		}
		if matches, _, err := compiled.DeviceMatches(ctx, input); err != nil || !matches {
			return false
		}
	}
	return true
}
