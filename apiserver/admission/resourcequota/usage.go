package resourcequota

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

var pods = schema.GroupResource{Resource: "pods"}

const (
	countPrefix   = "count/"
	classedSuffix = ".storageclass.storage.k8s.io/"
)

// usageOf is what one object counts for, under all the names by which a quota can limit it.
func usageOf(of schema.GroupResource, obj runtime.Object) corev1.ResourceList {
	usage := corev1.ResourceList{corev1.ResourceName(countPrefix + of.String()): one()}
	switch obj := obj.(type) {
	case *corev1.Pod:
		podUsage(usage, obj)
	case *corev1.Service:
		serviceUsage(usage, obj)
	case *corev1.PersistentVolumeClaim:
		claimUsage(usage, obj)
	case *corev1.ConfigMap, *corev1.Secret, *corev1.ReplicationController, *corev1.ResourceQuota:
		usage[corev1.ResourceName(of.Resource)] = one()
	}
	return usage
}

// podUsage: pods that have ended use nothing but their place in the store.
func podUsage(usage corev1.ResourceList, pod *corev1.Pod) {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return
	}
	usage[corev1.ResourcePods] = one()
	options := resourcehelper.PodResourcesOptions{}
	for name, quantity := range resourcehelper.PodRequests(pod, options) {
		switch {
		case name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage:
			usage[name] = quantity
			usage["requests."+name] = quantity
		case strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix):
			usage[name] = quantity
			usage["requests."+name] = quantity
		case strings.Contains(string(name), "/"): // extended resources
			usage["requests."+name] = quantity
		}
	}
	for name, quantity := range resourcehelper.PodLimits(pod, options) {
		if name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage {
			usage["limits."+name] = quantity
		}
	}
}

func serviceUsage(usage corev1.ResourceList, service *corev1.Service) {
	usage[corev1.ResourceServices] = one()
	ports := int64(len(service.Spec.Ports))
	switch service.Spec.Type {
	case corev1.ServiceTypeNodePort:
		usage[corev1.ResourceServicesNodePorts] = *resource.NewQuantity(ports, resource.DecimalSI)
	case corev1.ServiceTypeLoadBalancer:
		usage[corev1.ResourceServicesLoadBalancers] = one()
		if allocate := service.Spec.AllocateLoadBalancerNodePorts; allocate != nil && !*allocate {
			ports = 0
			for _, port := range service.Spec.Ports {
				if port.NodePort != 0 {
					ports++
				}
			}
		}
		usage[corev1.ResourceServicesNodePorts] = *resource.NewQuantity(ports, resource.DecimalSI)
	}
}

func claimUsage(usage corev1.ResourceList, claim *corev1.PersistentVolumeClaim) {
	usage[corev1.ResourcePersistentVolumeClaims] = one()
	class := claim.Annotations[corev1.BetaStorageClassAnnotation]
	if class == "" && claim.Spec.StorageClassName != nil {
		class = *claim.Spec.StorageClassName
	}
	if class != "" {
		usage[corev1.ResourceName(class+classedSuffix+"persistentvolumeclaims")] = one()
	}
	size, ok := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if !ok {
		return
	}
	usage[corev1.ResourceRequestsStorage] = size
	if class != "" {
		usage[corev1.ResourceName(class+classedSuffix+"requests.storage")] = size
	}
}

// unspecified returns what the containers of a new pod must say because the quota limits it: "limits.memory for: a,b".
func unspecified(quota *corev1.ResourceQuota, a *admission.Attributes) string {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.GroupResource() != pods {
		return ""
	}
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(quota.Status.Hard)) {
		if names := lacking(pod, name); len(names) > 0 {
			missing = append(missing, string(name)+" for: "+strings.Join(names, ","))
		}
	}
	return strings.Join(missing, "; ")
}

// lacking names the containers without a word on a computing resource, sorted and each once.
func lacking(pod *corev1.Pod, limited corev1.ResourceName) []string {
	listOf := func(r corev1.ResourceRequirements) corev1.ResourceList { return r.Requests }
	bare := strings.TrimPrefix(string(limited), "requests.")
	if rest, isLimit := strings.CutPrefix(string(limited), "limits."); isLimit {
		bare, listOf = rest, func(r corev1.ResourceRequirements) corev1.ResourceList { return r.Limits }
	}
	name := corev1.ResourceName(bare)
	if name != corev1.ResourceCPU && name != corev1.ResourceMemory {
		return nil
	}
	if pod.Spec.Resources != nil {
		if _, ok := listOf(*pod.Spec.Resources)[name]; ok {
			return nil
		}
	}
	var names []string
	for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		if _, ok := listOf(c.Resources)[name]; !ok {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
