package podsecurity

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// templateOf returns the pod template of what makes pods.
func templateOf(a *admission.Attributes) (*metav1.ObjectMeta, *corev1.PodSpec) {
	if a.Subresource != "" {
		return nil, nil
	}
	var template *corev1.PodTemplateSpec
	switch obj := a.Object.(type) {
	case *corev1.PodTemplate:
		template = &obj.Template
	case *corev1.ReplicationController:
		template = obj.Spec.Template
	case *appsv1.ReplicaSet:
		template = &obj.Spec.Template
	case *appsv1.Deployment:
		template = &obj.Spec.Template
	case *appsv1.DaemonSet:
		template = &obj.Spec.Template
	case *appsv1.StatefulSet:
		template = &obj.Spec.Template
	case *batchv1.Job:
		template = &obj.Spec.Template
	case *batchv1.CronJob:
		template = &obj.Spec.JobTemplate.Spec.Template
	}
	if template == nil {
		return nil, nil
	}
	return &template.ObjectMeta, &template.Spec
}
