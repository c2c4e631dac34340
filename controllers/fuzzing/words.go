package fuzzing

import (
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// words are what is said in fields of a type, without which a controller would not look at the rest.
var words = map[reflect.Type][]string{
	reflect.TypeFor[types.UID]():                                   {"a", "b", "web-0"},
	reflect.TypeFor[metav1.LabelSelectorOperator]():                {"In", "NotIn", "Exists", "DoesNotExist"},
	reflect.TypeFor[metav1.ConditionStatus]():                      {"True", "False", "Unknown"},
	reflect.TypeFor[corev1.ConditionStatus]():                      {"True", "False", "Unknown"},
	reflect.TypeFor[corev1.PodPhase]():                             {"Pending", "Running", "Succeeded", "Failed"},
	reflect.TypeFor[corev1.PodConditionType]():                     {"Ready", "PodScheduled", "DisruptionTarget"},
	reflect.TypeFor[corev1.NodeConditionType]():                    {"Ready", "MemoryPressure", "NetworkUnavailable"},
	reflect.TypeFor[corev1.TaintEffect]():                          {"NoExecute", "NoSchedule", "PreferNoSchedule"},
	reflect.TypeFor[corev1.TolerationOperator]():                   {"Exists", "Equal"},
	reflect.TypeFor[corev1.RestartPolicy]():                        {"Always", "Never", "OnFailure"},
	reflect.TypeFor[corev1.ServiceType]():                          {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"},
	reflect.TypeFor[corev1.Protocol]():                             {"TCP", "UDP", "SCTP"},
	reflect.TypeFor[corev1.IPFamily]():                             {"IPv4", "IPv6"},
	reflect.TypeFor[corev1.PersistentVolumePhase]():                {"Pending", "Available", "Bound", "Released", "Failed"},
	reflect.TypeFor[corev1.PersistentVolumeClaimPhase]():           {"Pending", "Bound", "Lost"},
	reflect.TypeFor[corev1.PersistentVolumeReclaimPolicy]():        {"Retain", "Delete", "Recycle"},
	reflect.TypeFor[corev1.PersistentVolumeAccessMode]():           {"ReadWriteOnce", "ReadOnlyMany", "ReadWriteOncePod"},
	reflect.TypeFor[corev1.ResourceName]():                         {"cpu", "memory", "pods", "storage", "requests.cpu", "count/pods", "services.nodeports"},
	reflect.TypeFor[corev1.ResourceQuotaScope]():                   {"BestEffort", "NotTerminating", "PriorityClass", "CrossNamespacePodAffinity"},
	reflect.TypeFor[corev1.SecretType]():                           {"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"},
	reflect.TypeFor[corev1.NamespacePhase]():                       {"Active", "Terminating"},
	reflect.TypeFor[storagev1.VolumeBindingMode]():                 {"Immediate", "WaitForFirstConsumer"},
	reflect.TypeFor[appsv1.DeploymentStrategyType]():               {"RollingUpdate", "Recreate"},
	reflect.TypeFor[appsv1.DaemonSetUpdateStrategyType]():          {"RollingUpdate", "OnDelete"},
	reflect.TypeFor[appsv1.StatefulSetUpdateStrategyType]():        {"RollingUpdate", "OnDelete"},
	reflect.TypeFor[appsv1.PodManagementPolicyType]():              {"OrderedReady", "Parallel"},
	reflect.TypeFor[batchv1.CompletionMode]():                      {"Indexed", "NonIndexed"},
	reflect.TypeFor[batchv1.JobConditionType]():                    {"Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"},
	reflect.TypeFor[batchv1.PodFailurePolicyAction]():              {"FailJob", "FailIndex", "Ignore", "Count"},
	reflect.TypeFor[batchv1.PodReplacementPolicy]():                {"Failed", "TerminatingOrFailed"},
	reflect.TypeFor[batchv1.ConcurrencyPolicy]():                   {"Allow", "Forbid", "Replace"},
	reflect.TypeFor[autoscalingv2.MetricSourceType]():              {"Resource", "ContainerResource", "Pods", "Object", "External"},
	reflect.TypeFor[autoscalingv2.MetricTargetType]():              {"Utilization", "AverageValue", "Value"},
	reflect.TypeFor[autoscalingv2.HPAScalingPolicyType]():          {"Pods", "Percent"},
	reflect.TypeFor[autoscalingv2.ScalingPolicySelect]():           {"Max", "Min", "Disabled"},
	reflect.TypeFor[discoveryv1.AddressType]():                     {"IPv4", "IPv6", "FQDN"},
	reflect.TypeFor[certificatesv1.RequestConditionType]():         {"Approved", "Denied", "Failed"},
	reflect.TypeFor[certificatesv1.KeyUsage]():                     {"client auth", "server auth", "digital signature"},
	reflect.TypeFor[batchv1.PodFailurePolicyOnExitCodesOperator](): {"In", "NotIn"},
}

// speak puts words into most fields of the types that have some, and nothing behind some pointers, at any depth.
func (s *Source) speak(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.CanSet() && s.rand.Intn(4) == 0 { // what has a function of its own is never nil before
			v.SetZero()
		}
		if !v.IsNil() {
			s.speak(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				s.speak(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			s.speak(v.Index(i))
		}
	case reflect.String:
		if said := words[v.Type()]; len(said) > 0 && v.CanSet() && s.rand.Intn(8) > 0 {
			v.SetString(pick(s.rand, said...))
		}
	case reflect.Map:
		s.speakKeys(v)
	}
}

// speakKeys is speak for a map, whose keys and values cannot be set in place.
func (s *Source) speakKeys(m reflect.Value) {
	said := words[m.Type().Key()]
	if len(said) == 0 || m.Len() == 0 {
		return
	}
	first := m.MapIndex(m.MapKeys()[0])
	m.SetMapIndex(reflect.ValueOf(pick(s.rand, said...)).Convert(m.Type().Key()), first)
}
