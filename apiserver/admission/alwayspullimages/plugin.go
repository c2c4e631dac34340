package alwayspullimages

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

var pods = schema.GroupResource{Resource: "pods"}

// Plugin is AlwaysPullImages, which is off unless asked for.
type Plugin struct{}

// Admit sets the policy of all images.
func (Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	pod := concerned(a)
	if pod == nil {
		return nil
	}
	for _, image := range images(pod) {
		*image.policy = corev1.PullAlways
	}
	return nil
}

// Validate refuses what was set to something else since.
func (Plugin) Validate(_ context.Context, a *admission.Attributes) error {
	pod := concerned(a)
	if pod == nil {
		return nil
	}
	for _, image := range images(pod) {
		if *image.policy != corev1.PullAlways {
			return admission.Forbidden(a, field.NotSupported(image.path, *image.policy, []corev1.PullPolicy{corev1.PullAlways}))
		}
	}
	return nil
}

// concerned is the pod that is made, or given images that it did not have; nil for all else.
func concerned(a *admission.Attributes) *corev1.Pod {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !a.Is(pods, "", admission.Create, admission.Update) {
		return nil
	}
	old, ok := a.Old.(*corev1.Pod)
	if !ok {
		return pod
	}
	before := sets.New[string]()
	for _, image := range images(old) {
		before.Insert(image.name)
	}
	for _, image := range images(pod) {
		if !before.Has(image.name) {
			return pod
		}
	}
	return nil
}

// image of a container or of a volume.
type image struct {
	name   string
	policy *corev1.PullPolicy
	path   *field.Path
}

func images(pod *corev1.Pod) []image {
	spec, at := &pod.Spec, field.NewPath("spec")
	var all []image
	for i := range spec.Volumes {
		if source := spec.Volumes[i].Image; source != nil {
			all = append(all, image{source.Reference, &source.PullPolicy, at.Child("volumes").Index(i).Child("image", "pullPolicy")})
		}
	}
	for i := range spec.InitContainers {
		all = append(all, image{spec.InitContainers[i].Image, &spec.InitContainers[i].ImagePullPolicy, at.Child("initContainers").Index(i).Child("imagePullPolicy")})
	}
	for i := range spec.Containers {
		all = append(all, image{spec.Containers[i].Image, &spec.Containers[i].ImagePullPolicy, at.Child("containers").Index(i).Child("imagePullPolicy")})
	}
	return all
}
