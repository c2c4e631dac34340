package job

import (
	"fmt"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// podFor returns the pod of a creation.
func podFor(owner podcontrol.Owner, job *batchv1.Job, what creation) *corev1.Pod {
	pod := podcontrol.FromTemplate(owner, &job.Spec.Template)
	if !slices.Contains(pod.Finalizers, batchv1.JobTrackingFinalizer) {
		pod.Finalizers = append(pod.Finalizers, batchv1.JobTrackingFinalizer)
	}
	if what.index < 0 {
		return pod
	}
	index := strconv.Itoa(what.index)
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Annotations[batchv1.JobCompletionIndexAnnotation] = index
	pod.Labels[batchv1.JobCompletionIndexAnnotation] = index
	if job.Spec.BackoffLimitPerIndex != nil {
		pod.Annotations[batchv1.JobIndexFailureCountAnnotation] = strconv.Itoa(int(what.failures))
	}
	base := fmt.Sprintf("%s-%s", job.Name, index)
	pod.GenerateName = base[:min(len(base), 57)] + "-"
	pod.Spec.Hostname = base
	for i := range pod.Spec.InitContainers {
		addIndexVariable(&pod.Spec.InitContainers[i])
	}
	for i := range pod.Spec.Containers {
		addIndexVariable(&pod.Spec.Containers[i])
	}
	return pod
}

const indexVariable = "JOB_COMPLETION_INDEX"

func addIndexVariable(container *corev1.Container) {
	for _, variable := range container.Env {
		if variable.Name == indexVariable {
			return
		}
	}
	container.Env = append(container.Env, corev1.EnvVar{
		Name: indexVariable,
		ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{
			FieldPath: fmt.Sprintf("metadata.labels['%s']", batchv1.JobCompletionIndexAnnotation),
		}},
	})
}
