package kubelet

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	cloudapi "k8s.io/cloud-provider/api"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/kubelet/pressure"
)

// configuration is the part of a KubeletConfiguration (kubelet.config.k8s.io/v1beta1) that means something here. The
// published type is not used: it drags in the metrics and tracing libraries of its own configuration.
type configuration struct {
	APIVersion               string            `json:"apiVersion"`
	Kind                     string            `json:"kind"`
	Port                     int32             `json:"port"`
	ClusterDNS               []string          `json:"clusterDNS"`
	ClusterDomain            string            `json:"clusterDomain"`
	MaxPods                  int               `json:"maxPods"`
	CgroupRoot               string            `json:"cgroupRoot"`
	ResolvConf               string            `json:"resolvConf"`
	PodLogsDir               string            `json:"podLogsDir"`
	SeccompDefault           bool              `json:"seccompDefault"`
	ContainerRuntimeEndpoint string            `json:"containerRuntimeEndpoint"`
	AllowedUnsafeSysctls     []string          `json:"allowedUnsafeSysctls"`
	ContainerLogMaxSize      string            `json:"containerLogMaxSize"`
	ContainerLogMaxFiles     int               `json:"containerLogMaxFiles"`
	RegisterWithTaints       []corev1.Taint    `json:"registerWithTaints"`
	SystemReserved           map[string]string `json:"systemReserved"`
	KubeReserved             map[string]string `json:"kubeReserved"`
	EvictionHard             map[string]string `json:"evictionHard"`
	ImageGCHighThreshold     uint64            `json:"imageGCHighThresholdPercent"`
	ImageGCLowThreshold      uint64            `json:"imageGCLowThresholdPercent"`
}

// Configure sets the inputs that a KubeletConfiguration in YAML or JSON gives. Fields that have no meaning here are ignored.
func (k *Kubelet) Configure(raw []byte) error {
	var c configuration
	if err := yaml.Unmarshal(raw, &c); err != nil {
		return fmt.Errorf("decoding the KubeletConfiguration: %w", err)
	}
	if c.Kind != "KubeletConfiguration" || !strings.HasPrefix(c.APIVersion, "kubelet.config.k8s.io/") {
		return fmt.Errorf("decoding the KubeletConfiguration: got apiVersion %q, kind %q", c.APIVersion, c.Kind)
	}
	give(&k.ServerPort, c.Port)
	give(&k.ClusterDomain, c.ClusterDomain)
	give(&k.MaxPods, c.MaxPods)
	give(&k.CgroupRoot, c.CgroupRoot)
	give(&k.ResolvConf, c.ResolvConf)
	give(&k.LogDir, c.PodLogsDir)
	give(&k.SeccompDefault, c.SeccompDefault)
	give(&k.RuntimeEndpoint, c.ContainerRuntimeEndpoint)
	give(&k.ContainerLogMaxFiles, c.ContainerLogMaxFiles)
	if len(c.ClusterDNS) > 0 {
		k.ClusterDNS = c.ClusterDNS
	}
	if len(c.RegisterWithTaints) > 0 {
		k.Taints = c.RegisterWithTaints
	}
	k.AllowedUnsafeSysctls = append(k.AllowedUnsafeSysctls, c.AllowedUnsafeSysctls...)
	if c.ContainerLogMaxSize != "" {
		size, err := resource.ParseQuantity(c.ContainerLogMaxSize)
		if err != nil {
			return fmt.Errorf("reading containerLogMaxSize: %w", err)
		}
		k.ContainerLogMaxSize = size.Value()
	}
	if err := k.keepFree(&c); err != nil {
		return err
	}
	return k.reserve(c.SystemReserved, c.KubeReserved)
}

// ExternalCloud has the node wait for a cloud that knows its machine: until then pods stay away, and then its addresses are the cloud's.
func (k *Kubelet) ExternalCloud() {
	k.Taints = append(slices.Clip(k.Taints), corev1.Taint{Key: cloudapi.TaintExternalCloudProvider, Value: "true", Effect: corev1.TaintEffectNoSchedule})
	k.CloudAddresses = true
}

// keepFree sets what must stay free.
func (k *Kubelet) keepFree(c *configuration) (err error) {
	give(&k.ImageGCHigh, c.ImageGCHighThreshold)
	give(&k.ImageGCLow, c.ImageGCLowThreshold)
	if k.ImageGCHigh > 100 || k.ImageGCHigh > 0 && k.ImageGCLow > k.ImageGCHigh {
		return fmt.Errorf("reading imageGCLowThresholdPercent %d and imageGCHighThresholdPercent %d: want the first at most the second, and both at most 100", k.ImageGCLow, k.ImageGCHigh)
	}
	if c.EvictionHard != nil {
		k.Eviction, err = pressure.Parse(c.EvictionHard)
	}
	return err
}

// give sets an input that the configuration has.
func give[T comparable](input *T, value T) {
	var zero T
	if value != zero {
		*input = value
	}
}

// reserve adds up what is kept from pods.
func (k *Kubelet) reserve(lists ...map[string]string) error {
	for _, list := range lists {
		for name, text := range list {
			q, err := resource.ParseQuantity(text)
			if err != nil {
				return fmt.Errorf("reading the reservation of %s: %w", name, err)
			}
			if k.Reserved == nil {
				k.Reserved = corev1.ResourceList{}
			}
			sum := k.Reserved[corev1.ResourceName(name)]
			sum.Add(q)
			k.Reserved[corev1.ResourceName(name)] = sum
		}
	}
	return nil
}
