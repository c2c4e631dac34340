package deviceclass

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Classes that stand for resources, by the names of these.
type Classes map[corev1.ResourceName]*resourcev1.DeviceClass

// Of are the classes that stand for what a pod requests. Pods that request no extended resource cost nothing.
func Of(ctx context.Context, reader client.Reader, pod *corev1.Pod) (Classes, error) {
	names := extended(pod)
	if reader == nil || len(names) == 0 {
		return nil, nil
	}
	all := &resourcev1.DeviceClassList{}
	if err := reader.List(ctx, all); err != nil {
		return nil, fmt.Errorf("listing DeviceClasses: %w", err)
	}
	var classes Classes
	for _, name := range names {
		if class := find(all.Items, name); class != nil {
			if classes == nil {
				classes = Classes{}
			}
			classes[name] = class
		}
	}
	return classes, nil
}

// Asks says whether the pod requests anything that a class may stand for.
func Asks(pod *corev1.Pod) bool { return len(extended(pod)) > 0 }

// Helps says whether the class stands for something that the pod requests.
func Helps(pod *corev1.Pod, class *resourcev1.DeviceClass) bool {
	return slices.ContainsFunc(extended(pod), func(name corev1.ResourceName) bool {
		return string(name) == resourcev1.ResourceDeviceClassPrefix+class.Name || string(name) == ptr.Deref(class.Spec.ExtendedResourceName, "")
	})
}

// extended are the names of resources that are of a domain, and that containers of the pod request some of.
func extended(pod *corev1.Pod) []corev1.ResourceName {
	var names []corev1.ResourceName
	of := func(containers []corev1.Container) {
		for i := range containers {
			for name, amount := range containers[i].Resources.Requests {
				if strings.Contains(string(name), "/") && amount.Sign() > 0 {
					names = append(names, name)
				}
			}
		}
	}
	of(pod.Spec.InitContainers)
	of(pod.Spec.Containers)
	return names
}

// find is the class for a resource. Of several that name it the youngest is taken, and of those the first by name.
func find(classes []resourcev1.DeviceClass, resource corev1.ResourceName) *resourcev1.DeviceClass {
	implied, byName := strings.CutPrefix(string(resource), resourcev1.ResourceDeviceClassPrefix)
	var found *resourcev1.DeviceClass
	for i := range classes {
		class := &classes[i]
		if byName && class.Name == implied {
			return class
		}
		if ptr.Deref(class.Spec.ExtendedResourceName, "") == string(resource) && (found == nil || before(class, found)) {
			found = class
		}
	}
	return found
}

func before(a, b *resourcev1.DeviceClass) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return b.CreationTimestamp.Before(&a.CreationTimestamp)
	}
	return a.Name < b.Name
}
