package pod

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Row of pods.
func Row() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "pods",
		Singular:   "pod",
		Kind:       "Pod",
		ShortNames: []string{"po"},
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.Pod],
			NewList: resource.NewList[corev1.PodList],
			Default: resource.Defaulter(podspec.DefaultPod),
		}},
		Share:                    resource.Defaulter(share),
		PrepareCreate:            resource.OnCreate(prepare),
		Columns:                  columns(),
		Cells:                    resource.Row(cells),
		RowConditions:            resource.RowConditions(rowConditions),
		FieldNames:               fieldNames(),
		Fields:                   resource.Select(selectable),
		GracePeriod:              gracePeriod,
		Validate:                 resource.Check(validate),
		ValidateUpdate:           resource.CheckUpdate(validateUpdate),
		Warnings:                 resource.Warn(warn),
		EarlyWarnings:            func(obj resource.Object) []string { return warnEarly(obj.(*corev1.Pod)) },
		StoragePrefix:            "pods",
		AllowUnconditionalUpdate: true,
		Subresources:             subresources(),
	}, func(p *corev1.Pod) (*corev1.PodSpec, *corev1.PodStatus) {
		return &p.Spec, &p.Status
	}, resource.PrepareStatus(keepQOSClass), resource.CheckStatus(validateStatus), resource.KeepMeta(resource.OwnerReferences, resource.DeletionTimestamp))
}

// fieldNames: status.podIPs is accepted and never has a value, as ever; spec.host is the older name of spec.nodeName.
func fieldNames() []string {
	return []string{"spec.nodeName", "spec.host", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName"}
}

func selectable(pod *corev1.Pod) fields.Set {
	ip := pod.Status.PodIP
	if len(pod.Status.PodIPs) > 0 {
		ip = pod.Status.PodIPs[0].IP
	}
	return fields.Set{
		"spec.nodeName":            pod.Spec.NodeName,
		"spec.host":                pod.Spec.NodeName,
		"spec.restartPolicy":       string(pod.Spec.RestartPolicy),
		"spec.schedulerName":       pod.Spec.SchedulerName,
		"spec.serviceAccountName":  pod.Spec.ServiceAccountName,
		"spec.hostNetwork":         strconv.FormatBool(pod.Spec.HostNetwork),
		"status.phase":             string(pod.Status.Phase),
		"status.podIP":             ip,
		"status.nominatedNodeName": pod.Status.NominatedNodeName,
	}
}

// warn looks at new pods alone: what runs cannot be changed any more.
func warn(p, old *corev1.Pod) []string {
	if old != nil {
		return nil
	}
	return append(podspec.HostnameWarning(p.Name, "the Pod's hostname"), podspec.Warnings(&p.ObjectMeta, &p.Spec, nil)...)
}
