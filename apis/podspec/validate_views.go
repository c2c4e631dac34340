package podspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateEphemeralUpdate checks that ephemeral containers were only added.
func ValidateEphemeralUpdate(pod, old *corev1.Pod) field.ErrorList {
	errs := ValidateSpec(&pod.Spec, &old.Spec, &pod.ObjectMeta, field.NewPath("spec"))
	path := field.NewPath("spec", "ephemeralContainers")
	now := map[string]*corev1.EphemeralContainer{}
	for i := range pod.Spec.EphemeralContainers {
		now[pod.Spec.EphemeralContainers[i].Name] = &pod.Spec.EphemeralContainers[i]
	}
	for i := range old.Spec.EphemeralContainers {
		before := &old.Spec.EphemeralContainers[i]
		after, ok := now[before.Name]
		switch {
		case !ok:
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be removed\n", before.Name)))
		case !equality.Semantic.DeepEqual(after, before):
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be changed\n%v", before.Name, diff.Diff(before, after))))
		}
	}
	return errs
}

// ValidateResize checks that only CPU and memory changed, and that the pod stays in its class of service.
func ValidateResize(pod, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	errs := ValidateSpec(&pod.Spec, &old.Spec, &pod.ObjectMeta, path)
	if old.Status.QOSClass != "" && QOS(&pod.Spec) != old.Status.QOSClass {
		errs = append(errs, field.Invalid(path, old.Status.QOSClass, "Pod QOS Class may not change as a result of resizing"))
	}
	comparable := pod.Spec.DeepCopy()
	restoreResizable(comparable.Containers, old.Spec.Containers)
	restoreResizable(comparable.InitContainers, old.Spec.InitContainers)
	if !equality.Semantic.DeepEqual(comparable, &old.Spec) {
		errs = append(errs, field.Forbidden(path, "only cpu and memory resources are mutable\n"+diff.Diff(old.Spec, *comparable)))
	}
	return errs
}

// restoreResizable gives containers the CPU and memory that they had.
func restoreResizable(containers, old []corev1.Container) {
	for i := range containers {
		if i >= len(old) {
			return
		}
		containers[i].ResizePolicy = old[i].ResizePolicy
		containers[i].Resources.Limits = restoreList(containers[i].Resources.Limits, old[i].Resources.Limits)
		containers[i].Resources.Requests = restoreList(containers[i].Resources.Requests, old[i].Resources.Requests)
	}
}

func restoreList(now, old corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, quantity := range now {
		out[name] = quantity
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		delete(out, name)
		if quantity, ok := old[name]; ok {
			out[name] = quantity
		}
	}
	if len(out) == 0 && old == nil {
		return nil
	}
	return out
}
