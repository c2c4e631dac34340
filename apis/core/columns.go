package core

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func componentStatusCells(s *corev1.ComponentStatus, _ time.Time) []any {
	status, message, problem := "Unknown", "", ""
	for _, c := range s.Conditions {
		if c.Type != corev1.ComponentHealthy {
			continue
		}
		status = "Unhealthy"
		if c.Status == corev1.ConditionTrue {
			status = "Healthy"
		}
		message, problem = c.Message, c.Error
		break
	}
	return []any{s.Name, status, message, problem}
}

func configMapCells(c *corev1.ConfigMap, now time.Time) []any {
	return []any{c.Name, int64(len(c.Data) + len(c.BinaryData)), resource.AgeOf(c, now)}
}

func secretCells(s *corev1.Secret, now time.Time) []any {
	return []any{s.Name, string(s.Type), int64(len(s.Data)), resource.AgeOf(s, now)}
}

func serviceAccountCells(s *corev1.ServiceAccount, now time.Time) []any {
	return []any{s.Name, resource.AgeOf(s, now)}
}

func namespaceCells(n *corev1.Namespace, now time.Time) []any {
	return []any{n.Name, string(n.Status.Phase), resource.AgeOf(n, now)}
}

func podTemplateCells(t *corev1.PodTemplate, _ time.Time) []any {
	spec := &t.Template.Spec
	return []any{t.Name, podspec.Containers(spec), podspec.Images(spec), labels.FormatLabels(t.Template.Labels)}
}

func replicationControllerCells(c *corev1.ReplicationController, now time.Time) []any {
	spec := &corev1.PodSpec{}
	if c.Spec.Template != nil {
		spec = &c.Spec.Template.Spec
	}
	return []any{
		c.Name,
		int64(ptr.Deref(c.Spec.Replicas, 0)),
		int64(c.Status.Replicas),
		int64(c.Status.ReadyReplicas),
		resource.AgeOf(c, now),
		podspec.Containers(spec),
		podspec.Images(spec),
		labels.FormatLabels(c.Spec.Selector),
	}
}

func resourceQuotaCells(q *corev1.ResourceQuota, now time.Time) []any {
	var requests, limits []string
	for _, name := range slices.Sorted(maps.Keys(q.Status.Hard)) {
		used, hard := q.Status.Used[name], q.Status.Hard[name]
		text := fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String())
		if strings.HasPrefix(string(name), "limits") {
			limits = append(limits, text)
		} else {
			requests = append(requests, text)
		}
	}
	return []any{q.Name, strings.Join(requests, ", "), strings.Join(limits, ", "), resource.AgeOf(q, now)}
}

func endpointsCells(e *corev1.Endpoints, now time.Time) []any {
	var addresses []string
	for _, subset := range e.Subsets {
		if len(subset.Ports) == 0 {
			for _, a := range subset.Addresses {
				addresses = append(addresses, a.IP)
			}
		}
		for _, p := range subset.Ports {
			for _, a := range subset.Addresses {
				addresses = append(addresses, joinHostPort(a.IP, p.Port))
			}
		}
	}
	return []any{e.Name, resource.FirstOf(addresses, 3, resource.None), resource.AgeOf(e, now)}
}

func joinHostPort(ip string, port int32) string {
	return net.JoinHostPort(ip, strconv.Itoa(int(port)))
}
