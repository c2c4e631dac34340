package runtime

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/ptr"
)

// NodeInput is what all sandboxes and containers of this node have in common.
type NodeInput struct {
	// RootDir is the kubelet's folder, LogDir that of the pods' logs (/var/log/pods).
	RootDir, LogDir string
	DNS             DNS
	// CgroupV2 says which hierarchy containers get, MemoryCapacity what OOM scores are relative to, OOMScoreFloor the lowest allowed.
	CgroupV2       bool
	MemoryCapacity int64
	OOMScoreFloor  int
	SeccompDefault bool
}

// PodDir is the kubelet's folder of one pod.
func (n *NodeInput) PodDir(uid types.UID) string {
	return filepath.Join(n.RootDir, "pods", string(uid))
}

// PodLogDir is the folder that has one folder per container of the pod.
func (n *NodeInput) PodLogDir(namespace, name string, uid types.UID) string {
	return filepath.Join(n.LogDir, namespace+"_"+name+"_"+string(uid))
}

// SandboxConfig describes the sandbox of a pod. The same configuration is given again with each container.
func (n *NodeInput) SandboxConfig(pod *corev1.Pod, attempt uint32, cgroupParent string) (*runtimeapi.PodSandboxConfig, error) {
	hostname, err := sandboxHostname(pod, n.DNS.ClusterDomain)
	if err != nil {
		return nil, err
	}
	dns, _ := n.DNS.Config(pod)
	config := &runtimeapi.PodSandboxConfig{
		Metadata:     &runtimeapi.PodSandboxMetadata{Name: pod.Name, Namespace: pod.Namespace, Uid: string(pod.UID), Attempt: attempt},
		LogDirectory: n.PodLogDir(pod.Namespace, pod.Name, pod.UID),
		DnsConfig:    dns, Labels: sandboxLabels(pod), Annotations: sandboxAnnotations(pod), PortMappings: portMappings(pod),
		Linux: n.linuxSandbox(pod, cgroupParent),
	}
	if !pod.Spec.HostNetwork {
		config.Hostname = hostname
	}
	return config, nil
}

func sandboxAnnotations(pod *corev1.Pod) map[string]string {
	a := map[string]string{annotationConfigSource: "api", annotationConfigSeen: pod.CreationTimestamp.UTC().Format("2006-01-02T15:04:05.000000000Z07:00")}
	for k, v := range pod.Annotations {
		a[k] = v
	}
	return a
}

func portMappings(pod *corev1.Pod) []*runtimeapi.PortMapping {
	if pod.Spec.HostNetwork {
		return nil
	}
	var out []*runtimeapi.PortMapping
	add := func(c *corev1.Container) {
		for _, p := range c.Ports {
			if p.HostPort == 0 {
				continue
			}
			protocol := runtimeapi.Protocol_TCP
			switch p.Protocol {
			case corev1.ProtocolUDP:
				protocol = runtimeapi.Protocol_UDP
			case corev1.ProtocolSCTP:
				protocol = runtimeapi.Protocol_SCTP
			}
			out = append(out, &runtimeapi.PortMapping{Protocol: protocol, ContainerPort: p.ContainerPort, HostPort: p.HostPort, HostIp: p.HostIP})
		}
	}
	for i := range pod.Spec.InitContainers {
		if Restartable(&pod.Spec.InitContainers[i]) {
			add(&pod.Spec.InitContainers[i])
		}
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i])
	}
	return out
}

// Restartable says that an init container is a sidecar: it keeps running beside the containers that follow it.
func Restartable(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

func (n *NodeInput) linuxSandbox(pod *corev1.Pod, cgroupParent string) *runtimeapi.LinuxPodSandboxConfig {
	security := &runtimeapi.LinuxSandboxSecurityContext{
		NamespaceOptions: namespaces(pod), Privileged: anyPrivileged(pod),
		Seccomp: &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault},
	}
	sysctls := map[string]string{}
	if sc := pod.Spec.SecurityContext; sc != nil {
		if sc.RunAsUser != nil {
			security.RunAsUser = &runtimeapi.Int64Value{Value: *sc.RunAsUser}
		}
		if sc.RunAsGroup != nil && sc.RunAsUser != nil {
			security.RunAsGroup = &runtimeapi.Int64Value{Value: *sc.RunAsGroup}
		}
		security.SelinuxOptions = selinux(sc.SELinuxOptions)
		for _, s := range sc.Sysctls {
			sysctls[strings.ReplaceAll(s.Name, "/", ".")] = s.Value
		}
	}
	security.SupplementalGroups, security.SupplementalGroupsPolicy = groups(pod)
	return &runtimeapi.LinuxPodSandboxConfig{CgroupParent: cgroupParent, SecurityContext: security, Sysctls: sysctls}
}

func anyPrivileged(pod *corev1.Pod) bool {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if sc := list[i].SecurityContext; sc != nil && ptr.Deref(sc.Privileged, false) {
				return true
			}
		}
	}
	return false
}

// RunSandbox starts a sandbox and returns its id.
func (c *Client) RunSandbox(ctx context.Context, config *runtimeapi.PodSandboxConfig, handler string) (string, error) {
	if err := os.MkdirAll(config.LogDirectory, 0o755); err != nil {
		return "", fmt.Errorf("making the pod's log folder: %w", err)
	}
	r, err := c.RunPodSandbox(ctx, &runtimeapi.RunPodSandboxRequest{Config: config, RuntimeHandler: handler})
	if err != nil {
		return "", err
	}
	return r.PodSandboxId, nil
}

// StopSandbox ends a sandbox and with it its network. It is idempotent.
func (c *Client) StopSandbox(ctx context.Context, id string) error {
	if _, err := c.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: id}); err != nil && !notFound(err) {
		return fmt.Errorf("stopping sandbox %s: %w", id, err)
	}
	return nil
}

// RemoveSandbox removes a stopped sandbox with its containers. It is idempotent.
func (c *Client) RemoveSandbox(ctx context.Context, id string) error {
	if _, err := c.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: id}); err != nil && !notFound(err) {
		return fmt.Errorf("removing sandbox %s: %w", id, err)
	}
	return nil
}
