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
	if others := resizedOthers(pod, old, path); len(others) > 0 {
		return append(errs, others...)
	}
	comparable := pod.Spec.DeepCopy()
	restoreResizable(comparable.Containers, old.Spec.Containers)
	restoreResizable(comparable.InitContainers, old.Spec.InitContainers)
	for i := range comparable.InitContainers {
		if !equality.Semantic.DeepEqual(comparable.InitContainers[i], old.Spec.InitContainers[i]) {
			errs = append(errs, field.Forbidden(path.Child("initContainers").Index(i), "only cpu and memory resources for init or sidecar containers are mutable"))
			comparable.InitContainers[i] = old.Spec.InitContainers[i]
		}
	}
	if !equality.Semantic.DeepEqual(comparable, &old.Spec) {
		errs = append(errs, field.Forbidden(path, "only cpu and memory resources are mutable"))
	}
	return errs
}

// resizedOthers says what of a resize is about other containers than there are, or takes resources away from one.
func resizedOthers(pod, old *corev1.Pod, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, group := range []struct {
		name        string
		before, now []corev1.Container
	}{
		{"containers", old.Spec.Containers, pod.Spec.Containers},
		{"initContainers", old.Spec.InitContainers, pod.Spec.InitContainers},
	} {
		at := path.Child(group.name)
		if len(group.before) != len(group.now) {
			errs = append(errs, field.Forbidden(at, group.name+" may not be added or removed on resize"))
			continue
		}
		for i := range group.now {
			errs = append(errs, resizedContainer(&group.now[i], &group.before[i], group.name, at.Index(i))...)
		}
	}
	return errs
}

func resizedContainer(container, old *corev1.Container, group string, at *field.Path) field.ErrorList {
	if container.Name != old.Name {
		return field.ErrorList{field.Forbidden(at.Child("name"), group+" may not be renamed or reordered on resize")}
	}
	var errs field.ErrorList
	if lacks(container.Resources.Requests, old.Resources.Requests) {
		errs = append(errs, field.Forbidden(at.Child("resources", "requests"), "resource requests cannot be removed"))
	}
	if lacks(container.Resources.Limits, old.Resources.Limits) {
		errs = append(errs, field.Forbidden(at.Child("resources", "limits"), "resource limits cannot be removed"))
	}
	return errs
}

// lacks says whether a list has CPU or memory no more.
func lacks(now, old corev1.ResourceList) bool {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		_, had := old[name]
		if _, has := now[name]; had && !has {
			return true
		}
	}
	return false
}

// restoreResizable gives containers the CPU and memory that they had.
func restoreResizable(containers, old []corev1.Container) {
	for i := range containers {
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
