package core

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec"
)

// The largest content of a ConfigMap or Secret in bytes.
const maxContentSize = 1 << 20

func validateConfigMap(c *corev1.ConfigMap) field.ErrorList {
	var errs field.ErrorList
	total := 0
	for key, value := range c.Data {
		at := field.NewPath("data").Key(key)
		errs = append(errs, check.Messages(at, key, validation.IsConfigMapKey(key))...)
		if _, twice := c.BinaryData[key]; twice {
			errs = append(errs, field.Invalid(at, key, "duplicate of key present in binaryData"))
		}
		total += len(value)
	}
	for key, value := range c.BinaryData {
		errs = append(errs, check.Messages(field.NewPath("binaryData").Key(key), key, validation.IsConfigMapKey(key))...)
		total += len(value)
	}
	if total > maxContentSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", maxContentSize))
	}
	return errs
}

const immutable = "field is immutable when `immutable` is set"

func validateConfigMapUpdate(c, old *corev1.ConfigMap) field.ErrorList {
	var errs field.ErrorList
	if ptr.Deref(old.Immutable, false) {
		if !ptr.Deref(c.Immutable, false) {
			errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutable))
		}
		if !sameStrings(c.Data, old.Data) {
			errs = append(errs, field.Forbidden(field.NewPath("data"), immutable))
		}
		if !sameBytes(c.BinaryData, old.BinaryData) {
			errs = append(errs, field.Forbidden(field.NewPath("binaryData"), immutable))
		}
	}
	return append(errs, validateConfigMap(c)...)
}

func validateSecret(s *corev1.Secret) field.ErrorList {
	path := field.NewPath("data")
	var errs field.ErrorList
	total := 0
	for key, value := range s.Data {
		errs = append(errs, check.Messages(path.Key(key), key, validation.IsConfigMapKey(key))...)
		total += len(value)
	}
	if total > maxContentSize {
		errs = append(errs, field.TooLong(path, "", maxContentSize))
	}
	require := func(keys ...string) {
		for _, key := range keys {
			if _, ok := s.Data[key]; !ok {
				errs = append(errs, field.Required(path.Key(key), ""))
			}
		}
	}
	switch s.Type {
	case corev1.SecretTypeServiceAccountToken:
		if s.Annotations[corev1.ServiceAccountNameKey] == "" {
			errs = append(errs, field.Required(field.NewPath("metadata", "annotations").Key(corev1.ServiceAccountNameKey), ""))
		}
	case corev1.SecretTypeDockercfg:
		errs = append(errs, validateJSON(s, corev1.DockerConfigKey, path)...)
	case corev1.SecretTypeDockerConfigJson:
		errs = append(errs, validateJSON(s, corev1.DockerConfigJsonKey, path)...)
	case corev1.SecretTypeBasicAuth:
		_, user := s.Data[corev1.BasicAuthUsernameKey]
		_, password := s.Data[corev1.BasicAuthPasswordKey]
		if !user && !password {
			require(corev1.BasicAuthUsernameKey, corev1.BasicAuthPasswordKey)
		}
	case corev1.SecretTypeSSHAuth:
		if len(s.Data[corev1.SSHAuthPrivateKey]) == 0 {
			errs = append(errs, field.Required(path.Key(corev1.SSHAuthPrivateKey), ""))
		}
	case corev1.SecretTypeTLS:
		require(corev1.TLSCertKey, corev1.TLSPrivateKeyKey)
	}
	return errs
}

func validateJSON(s *corev1.Secret, key string, path *field.Path) field.ErrorList {
	content, ok := s.Data[key]
	if !ok {
		return field.ErrorList{field.Required(path.Key(key), "")}
	}
	if err := json.Unmarshal(content, &map[string]any{}); err != nil {
		return field.ErrorList{field.Invalid(path.Key(key), "<secret contents redacted>", err.Error())}
	}
	return nil
}

func validateSecretUpdate(s, old *corev1.Secret) field.ErrorList {
	errs := check.Immutable(field.NewPath("type"), s.Type, old.Type)
	if ptr.Deref(old.Immutable, false) {
		if !ptr.Deref(s.Immutable, false) {
			errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutable))
		}
		if !sameBytes(s.Data, old.Data) {
			errs = append(errs, field.Forbidden(field.NewPath("data"), immutable))
		}
	}
	return append(errs, validateSecret(s)...)
}

func validateNamespace(n *corev1.Namespace) field.ErrorList {
	path := field.NewPath("spec", "finalizers")
	var errs field.ErrorList
	for _, finalizer := range n.Spec.Finalizers {
		errs = append(errs, check.QualifiedName(path, string(finalizer))...)
		errs = append(errs, check.FinalizerName(path, string(finalizer))...)
	}
	return errs
}

func validateNamespaceUpdate(n, _ *corev1.Namespace) field.ErrorList {
	return validateNamespace(n)
}

func validatePodTemplate(t *corev1.PodTemplate) field.ErrorList {
	return podspec.ValidateTemplate(&t.Template, nil, field.NewPath("template"))
}

func validatePodTemplateUpdate(t, old *corev1.PodTemplate) field.ErrorList {
	return podspec.ValidateTemplate(&t.Template, &old.Template, field.NewPath("template"))
}

func validateReplicationController(c *corev1.ReplicationController) field.ErrorList {
	return validateReplication(c, nil)
}

// validateReplication checks a controller and its template, which was old, or nil, before.
func validateReplication(c *corev1.ReplicationController, old *corev1.PodTemplateSpec) field.ErrorList {
	path, spec := field.NewPath("spec"), &c.Spec
	errs := check.NonNegative(path.Child("minReadySeconds"), spec.MinReadySeconds)
	if len(spec.Selector) == 0 {
		errs = append(errs, field.Required(path.Child("selector"), ""))
	}
	errs = append(errs, check.NonNegative(path.Child("replicas"), ptr.Deref(spec.Replicas, 0))...)
	at := path.Child("template")
	if spec.Template == nil {
		return append(errs, field.Required(at, ""))
	}
	if selector := labels.SelectorFromSet(spec.Selector); !selector.Empty() && !selector.Matches(labels.Set(spec.Template.Labels)) {
		errs = append(errs, field.Invalid(at.Child("metadata", "labels"), spec.Template.Labels, "`selector` does not match template `labels`"))
	}
	errs = append(errs, podspec.ValidateTemplate(spec.Template, old, at)...)
	errs = append(errs, podspec.OnlyAlways(spec.Template.Spec.RestartPolicy, at.Child("spec", "restartPolicy"))...)
	if spec.Template.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(at.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicationController is not Supported"))
	}
	return errs
}

func validateReplicationControllerUpdate(c, old *corev1.ReplicationController) field.ErrorList {
	return validateReplication(c, old.Spec.Template)
}

// endpointPorts and addresses of the older Endpoints.
func validateEndpoints(e *corev1.Endpoints) field.ErrorList {
	var errs field.ErrorList
	for i := range e.Subsets {
		subset, path := &e.Subsets[i], field.NewPath("subsets").Index(i)
		if len(subset.Addresses)+len(subset.NotReadyAddresses) == 0 {
			errs = append(errs, field.Required(path, "must specify `addresses` or `notReadyAddresses`"))
		}
		for j := range subset.Addresses {
			errs = append(errs, validateEndpointAddress(&subset.Addresses[j], path.Child("addresses").Index(j))...)
		}
		for j := range subset.NotReadyAddresses {
			errs = append(errs, validateEndpointAddress(&subset.NotReadyAddresses[j], path.Child("notReadyAddresses").Index(j))...)
		}
		for j := range subset.Ports {
			errs = append(errs, validateEndpointPort(&subset.Ports[j], len(subset.Ports) > 1, path.Child("ports").Index(j))...)
		}
	}
	return errs
}

func validateEndpointAddress(a *corev1.EndpointAddress, path *field.Path) field.ErrorList {
	errs := validation.IsValidIPForLegacyField(path.Child("ip"), a.IP, true, nil)
	if a.Hostname != "" {
		errs = append(errs, check.Label(path.Child("hostname"), a.Hostname)...)
	}
	if a.NodeName != nil {
		errs = append(errs, check.Subdomain(path.Child("nodeName"), *a.NodeName)...)
	}
	return append(errs, nonSpecialIP(a.IP, path.Child("ip"))...)
}

func validateEndpointPort(p *corev1.EndpointPort, named bool, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case named && p.Name == "":
		errs = append(errs, field.Required(path.Child("name"), ""))
	case p.Name != "":
		errs = append(errs, check.Label(path.Child("name"), p.Name)...)
	}
	errs = append(errs, check.Port(path.Child("port"), p.Port)...)
	errs = append(errs, check.RequiredOneOf(path.Child("protocol"), p.Protocol, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
	if p.AppProtocol != nil {
		errs = append(errs, check.QualifiedName(path.Child("appProtocol"), *p.AppProtocol)...)
	}
	return errs
}

func validateEndpointsUpdate(e, _ *corev1.Endpoints) field.ErrorList {
	return validateEndpoints(e)
}

// ValidateEvent checks what events of both groups have in common.
func ValidateEvent(e *corev1.Event) field.ErrorList {
	var errs field.ErrorList
	if e.InvolvedObject.Namespace != e.Namespace && !(e.InvolvedObject.Namespace == "" && e.Namespace == "default") {
		errs = append(errs, field.Invalid(field.NewPath("involvedObject", "namespace"), e.InvolvedObject.Namespace, "does not match event.namespace"))
	}
	if e.EventTime.IsZero() {
		return errs
	}
	return append(errs, validateEventFields(e)...)
}

// validateEventFields checks what an event must say that is of the newer kind, by its time.
func validateEventFields(e *corev1.Event) field.ErrorList {
	const longest = 128
	var errs field.ErrorList
	if e.ReportingController == "" {
		errs = append(errs, field.Required(field.NewPath("reportingComponent"), ""))
	}
	errs = append(errs, check.QualifiedName(field.NewPath("reportingComponent"), e.ReportingController)...)
	for _, f := range []struct{ name, value string }{{"reportingInstance", e.ReportingInstance}, {"action", e.Action}, {"reason", e.Reason}} {
		if f.value == "" {
			errs = append(errs, field.Required(field.NewPath(f.name), ""))
		}
		if len(f.value) > longest {
			errs = append(errs, field.Invalid(field.NewPath(f.name), "", fmt.Sprintf("can have at most %v characters", longest)))
		}
	}
	const longestMessage = 1024
	if len(e.Message) > longestMessage {
		errs = append(errs, field.Invalid(field.NewPath("message"), "", fmt.Sprintf("can have at most %v characters", longestMessage)))
	}
	return errs
}

func validateEventUpdate(e, _ *corev1.Event) field.ErrorList {
	return ValidateEvent(e)
}

func sameStrings(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if other, ok := b[key]; !ok || other != value {
			return false
		}
	}
	return true
}

func sameBytes(a, b map[string][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if other, ok := b[key]; !ok || string(other) != string(value) {
			return false
		}
	}
	return true
}
