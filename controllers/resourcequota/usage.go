package resourcequota

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// add adds what an object uses to a sum, under each of the names that quotas have for it.
func add(sum corev1.ResourceList, name corev1.ResourceName, amount resource.Quantity) {
	have := sum[name]
	have.Add(amount)
	sum[name] = have
}

// merge adds all that an object uses to a sum.
func merge(sum, usage corev1.ResourceList) {
	for name, amount := range usage {
		add(sum, name, amount)
	}
}

func one() resource.Quantity { return many(1) }

func many(n int) resource.Quantity { return *resource.NewQuantity(int64(n), resource.DecimalSI) }

// podUsage is what a pod uses. One that has ended counts only as an object.
func podUsage(pod *corev1.Pod, now time.Time) corev1.ResourceList {
	out := corev1.ResourceList{}
	add(out, "count/pods", one())
	expired := pod.DeletionTimestamp != nil && pod.DeletionGracePeriodSeconds != nil &&
		now.After(pod.DeletionTimestamp.Add(time.Duration(*pod.DeletionGracePeriodSeconds)*time.Second))
	if podcontrol.IsFinished(pod) || expired {
		return out
	}
	add(out, corev1.ResourcePods, one())
	options := resourcehelper.PodResourcesOptions{UseStatusResources: true}
	for name, amount := range resourcehelper.PodRequests(pod, options) {
		add(out, "requests."+name, amount)
		if plain(name) {
			add(out, name, amount)
		}
	}
	for name, amount := range resourcehelper.PodLimits(pod, options) {
		add(out, "limits."+name, amount)
	}
	return out
}

// plain says whether a resource may be named without "requests.".
func plain(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage ||
		strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

func serviceUsage(svc *corev1.Service) corev1.ResourceList {
	out := corev1.ResourceList{}
	add(out, corev1.ResourceServices, one())
	ports := int64(0)
	switch svc.Spec.Type {
	case corev1.ServiceTypeNodePort:
		ports = int64(len(svc.Spec.Ports))
	case corev1.ServiceTypeLoadBalancer:
		add(out, corev1.ResourceServicesLoadBalancers, one())
		if svc.Spec.AllocateLoadBalancerNodePorts == nil || *svc.Spec.AllocateLoadBalancerNodePorts {
			ports = int64(len(svc.Spec.Ports))
		} else {
			for i := range svc.Spec.Ports {
				if svc.Spec.Ports[i].NodePort != 0 {
					ports++
				}
			}
		}
	}
	add(out, corev1.ResourceServicesNodePorts, *resource.NewQuantity(ports, resource.DecimalSI))
	return out
}

const classSuffix = ".storageclass.storage.k8s.io/"

func claimUsage(claim *corev1.PersistentVolumeClaim) corev1.ResourceList {
	out := corev1.ResourceList{}
	storage := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if allocated, ok := claim.Status.AllocatedResources[corev1.ResourceStorage]; ok && allocated.Cmp(storage) > 0 {
		storage = allocated
	}
	class := claim.Annotations[corev1.BetaStorageClassAnnotation]
	if class == "" && claim.Spec.StorageClassName != nil {
		class = *claim.Spec.StorageClassName
	}
	add(out, corev1.ResourcePersistentVolumeClaims, one())
	add(out, corev1.ResourceRequestsStorage, storage)
	if class != "" {
		add(out, corev1.ResourceName(class+classSuffix+"persistentvolumeclaims"), one())
		add(out, corev1.ResourceName(class+classSuffix+"requests.storage"), storage)
	}
	return out
}

// example is an object of a kind that is counted by what its objects use.
func example(kind string) (client.Object, bool) {
	switch kind {
	case "pods":
		return &corev1.Pod{}, true
	case "services":
		return &corev1.Service{}, true
	case "persistentvolumeclaims":
		return &corev1.PersistentVolumeClaim{}, true
	}
	return nil, false
}

// kindOfName is the resource, with its group, whose objects a quota's name counts:
// "pods" for "requests.cpu", "deployments.apps" for "count/deployments.apps".
func kindOfName(name corev1.ResourceName) string {
	text := string(name)
	if counted, ok := strings.CutPrefix(text, "count/"); ok {
		return counted
	}
	switch {
	case text == "requests.storage" || strings.Contains(text, classSuffix) || text == "persistentvolumeclaims":
		return "persistentvolumeclaims"
	case text == "services" || strings.HasPrefix(text, "services."):
		return "services"
	case text == "configmaps" || text == "secrets" || text == "replicationcontrollers" || text == "resourcequotas":
		return text
	}
	return "pods"
}
