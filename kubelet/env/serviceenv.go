package env

import (
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// serviceVariables returns the variables by which a pod finds services: those of its namespace unless it asks for none, and
// always the API's (default/kubernetes). A service redis-master on port 6379 gives REDIS_MASTER_SERVICE_HOST,
// REDIS_MASTER_SERVICE_PORT, REDIS_MASTER_PORT and REDIS_MASTER_PORT_6379_TCP with _PROTO, _PORT and _ADDR.
func serviceVariables(pod *corev1.Pod, services []corev1.Service) map[string]string {
	env := map[string]string{}
	links := ptr.Deref(pod.Spec.EnableServiceLinks, true)
	var api *corev1.Service
	for i := range services {
		s := &services[i]
		switch {
		case s.Spec.ClusterIP == "" || s.Spec.ClusterIP == corev1.ClusterIPNone || len(s.Spec.Ports) == 0:
		case s.Namespace == metav1.NamespaceDefault && s.Name == "kubernetes":
			api = s
		case links && s.Namespace == pod.Namespace:
			addService(env, s)
		}
	}
	// The API's own service comes last: no service of the namespace replaces it, unless it has that very name.
	if _, taken := env["KUBERNETES_SERVICE_HOST"]; api != nil && !taken {
		addService(env, api)
	}
	return env
}

func envName(s string) string { return strings.ToUpper(strings.ReplaceAll(s, "-", "_")) }

func addService(env map[string]string, s *corev1.Service) {
	prefix := envName(s.Name)
	host := s.Spec.ClusterIP
	env[prefix+"_SERVICE_HOST"] = host
	env[prefix+"_SERVICE_PORT"] = strconv.Itoa(int(s.Spec.Ports[0].Port))
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		port := strconv.Itoa(int(p.Port))
		if p.Name != "" {
			env[prefix+"_SERVICE_PORT_"+envName(p.Name)] = port
		}
		protocol := string(p.Protocol)
		if protocol == "" {
			protocol = string(corev1.ProtocolTCP)
		}
		url := strings.ToLower(protocol) + "://" + net.JoinHostPort(host, port)
		if i == 0 {
			env[prefix+"_PORT"] = url
		}
		link := prefix + "_PORT_" + port + "_" + strings.ToUpper(protocol)
		env[link] = url
		env[link+"_PROTO"] = strings.ToLower(protocol)
		env[link+"_PORT"] = port
		env[link+"_ADDR"] = host
	}
}
