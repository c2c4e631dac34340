package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// The labels by which a node names its roles.
const (
	rolePrefix = "node-role.kubernetes.io/"
	roleLabel  = "kubernetes.io/role"
)

func columns() []metav1.TableColumnDefinition {
	return resource.Columns("Name:name", "Status", "Roles", "Age", "Version", "Internal-IP:wide", "External-IP:wide", "OS-Image:wide", "Kernel-Version:wide", "Container-Runtime:wide")
}

func cells(n *corev1.Node, now time.Time) []any {
	info := &n.Status.NodeInfo
	return []any{
		n.Name,
		statusOf(n),
		resource.OrNone(strings.Join(rolesOf(n), ",")),
		resource.AgeOf(n, now),
		info.KubeletVersion,
		addressOf(n, corev1.NodeInternalIP),
		addressOf(n, corev1.NodeExternalIP),
		orUnknown(info.OSImage),
		kernel(info),
		orUnknown(info.ContainerRuntimeVersion),
	}
}

// kernel is the version of a node's kernel and what it is built for.
func kernel(info *corev1.NodeSystemInfo) string {
	if info.KernelVersion == "" || info.Architecture == "" {
		return orUnknown(info.KernelVersion)
	}
	return fmt.Sprintf("%s (%s)", info.KernelVersion, info.Architecture)
}

func statusOf(n *corev1.Node) string {
	status := "Unknown"
	for _, c := range n.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		status = "NotReady"
		if c.Status == corev1.ConditionTrue {
			status = "Ready"
		}
	}
	if n.Spec.Unschedulable {
		status += ",SchedulingDisabled"
	}
	return status
}

func rolesOf(n *corev1.Node) []string {
	var roles []string
	for label, value := range n.Labels {
		if role, ok := strings.CutPrefix(label, rolePrefix); ok && role != "" {
			roles = append(roles, role)
		}
		if label == roleLabel && value != "" {
			roles = append(roles, value)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

func addressOf(n *corev1.Node, kind corev1.NodeAddressType) string {
	for _, address := range n.Status.Addresses {
		if address.Type == kind {
			return address.Address
		}
	}
	return resource.None
}

func orUnknown(text string) string {
	if text == "" {
		return resource.Unknown
	}
	return text
}
