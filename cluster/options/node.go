package options

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/coxswain-k8s/coxswain/network/fabric"
)

// Names that Options.Disable understands.
const (
	Agent       = "agent" // containerd, kubelet, proxy and pod network: the control plane alone remains
	Proxy       = "proxy"
	DNS         = "dns"
	Controllers = "controllers"
	Scheduler   = "scheduler"
	Network     = "network"
	// LocalStorage provisions volumes on the nodes' own disks.
	LocalStorage = "local-storage"
	// CloudControllers give Services load balancers, and know nodes and routes from the cloud.
	CloudControllers = "cloud-controller-manager"
)

// disableable parts of a server, and of an agent.
var (
	disableable      = []string{Agent, CloudControllers, Controllers, DNS, LocalStorage, Network, Proxy, Scheduler}
	agentDisableable = []string{DNS, LocalStorage, Network, Proxy}
)

// NodeOptions say what this machine's node is: the server and the agent have them in common.
type NodeOptions struct {
	// DataDir holds everything that is kept; default /var/lib/coxswain.
	DataDir string `json:"data-dir,omitempty"`
	// Disable leaves parts out.
	Disable []string `json:"disable,omitempty"`
	// NodeName of this machine; default its host name.
	NodeName string `json:"node-name,omitempty"`
	// NodeIP of this machine; default the address of the interface with the default route.
	NodeIP string `json:"node-ip,omitempty"`
	// Images are archives, or folders of archives, to import once; DataDir/images always is one of them.
	Images []string `json:"images,omitempty"`
	// Registries is a registries.yaml: mirrors, credentials and certificates for pulling images. It need not exist.
	Registries string `json:"registries,omitempty"`
	// ProxyMode is nftables or iptables; default the first that the kernel has.
	ProxyMode string `json:"proxy-mode,omitempty"`
	// ContainerRuntimeEndpoint of a runtime that runs already; default is a containerd of our own.
	ContainerRuntimeEndpoint string `json:"container-runtime-endpoint,omitempty"`
	// KubeletPort of this machine's kubelet; default 10250, 0 picks a free one.
	KubeletPort int `json:"kubelet-port"`
	// CgroupRoot is the control group that the node's pods are below, where the machine is shared with others; default "/".
	CgroupRoot string `json:"cgroup-root,omitempty"`
	// KubeletDir holds pods and volumes; default /var/lib/kubelet.
	KubeletDir string `json:"kubelet-dir,omitempty"`
	// KubeletConfig is a KubeletConfiguration (kubelet.config.k8s.io/v1beta1) with further settings of the kubelet.
	KubeletConfig string `json:"kubelet-config,omitempty"`
	// CloudProvider is "external" where a cloud-controller-manager elsewhere knows the machine: the node waits for it. Default "": in none.
	CloudProvider string `json:"cloud-provider,omitempty"`
}

// Shared is what all nodes of a cluster have in common: the server decides it, agents learn it.
type Shared struct {
	ClusterCIDR   string `json:"cluster-cidr,omitempty"`
	ServiceCIDR   string `json:"service-cidr,omitempty"`
	ClusterDNS    string `json:"cluster-dns,omitempty"`
	ClusterDomain string `json:"cluster-domain,omitempty"`
	// PodNetwork is how packets travel between nodes: host-gw, vxlan, or auto for what each pair of nodes allows.
	PodNetwork string `json:"network,omitempty"`
}

func defaultNode() NodeOptions {
	return NodeOptions{DataDir: "/var/lib/coxswain", KubeletPort: 10250, KubeletDir: "/var/lib/kubelet", CgroupRoot: "/", Registries: "/etc/coxswain/registries.yaml"}
}

// Enabled says whether a part runs.
func (o *NodeOptions) Enabled(part string) bool {
	if slices.Contains(o.Disable, part) {
		return false
	}
	onNode := part == Proxy || part == Network || part == DNS
	return !onNode || !slices.Contains(o.Disable, Agent)
}

// Complete fills in what depends on the machine.
func (o *NodeOptions) Complete() error {
	if o.NodeName == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("finding this machine's host name: %w", err)
		}
		o.NodeName = strings.ToLower(name)
	}
	if o.NodeIP == "" {
		ip, err := machineIP()
		if err != nil {
			return err
		}
		o.NodeIP = ip
	}
	absolute, err := filepath.Abs(o.DataDir)
	if err != nil {
		return err
	}
	o.DataDir = absolute
	return nil
}

// validate returns everything that is wrong with a node, some of whose parts can be left out.
func (o *NodeOptions) validate(parts []string) error {
	var wrong []error
	for _, part := range o.Disable {
		if !slices.Contains(parts, part) {
			wrong = append(wrong, fmt.Errorf("--disable=%s: unknown part; known are %s", part, strings.Join(parts, ", ")))
		}
	}
	if _, err := netip.ParseAddr(o.NodeIP); err != nil {
		wrong = append(wrong, fmt.Errorf("--node-ip=%s: not an IP address", o.NodeIP))
	}
	if o.KubeletPort < 0 || o.KubeletPort > 65535 {
		wrong = append(wrong, fmt.Errorf("--kubelet-port=%d: not a port", o.KubeletPort))
	}
	if o.CloudProvider != "" && o.CloudProvider != ExternalCloud {
		wrong = append(wrong, fmt.Errorf("--cloud-provider=%s: want external, or nothing", o.CloudProvider))
	}
	for _, message := range validation.IsDNS1123Subdomain(o.NodeName) {
		wrong = append(wrong, fmt.Errorf("--node-name=%s: %s", o.NodeName, message))
	}
	if !slices.Contains([]string{"", "nftables", "iptables"}, o.ProxyMode) {
		wrong = append(wrong, fmt.Errorf("--proxy-mode=%s: want nftables or iptables", o.ProxyMode))
	}
	return errors.Join(wrong...)
}

// Validate returns everything that is wrong with what the nodes have in common.
func (s *Shared) Validate() error {
	var wrong []error
	for flag, value := range map[string]string{"cluster-cidr": s.ClusterCIDR, "service-cidr": s.ServiceCIDR} {
		if prefix, err := netip.ParsePrefix(value); err != nil || prefix.Masked() != prefix {
			wrong = append(wrong, fmt.Errorf("--%s=%s: not a network such as 10.42.0.0/16", flag, value))
		}
	}
	address, err := netip.ParseAddr(s.ClusterDNS)
	if err != nil {
		wrong = append(wrong, fmt.Errorf("--cluster-dns=%s: not an IP address", s.ClusterDNS))
	} else if service, err := netip.ParsePrefix(s.ServiceCIDR); err == nil && !service.Contains(address) {
		wrong = append(wrong, fmt.Errorf("--cluster-dns=%s: outside of --service-cidr=%s", s.ClusterDNS, s.ServiceCIDR))
	}
	if _, err := fabric.ParseMode(s.PodNetwork); err != nil {
		wrong = append(wrong, fmt.Errorf("--network: %w", err))
	}
	return errors.Join(wrong...)
}

// SharedName is the ConfigMap of kube-system in which agents find what all nodes have in common.
const SharedName = "coxswain-cluster"

// Data of the ConfigMap SharedName.
func (s *Shared) Data() map[string]string {
	return map[string]string{
		"cluster-cidr": s.ClusterCIDR, "service-cidr": s.ServiceCIDR, "cluster-dns": s.ClusterDNS, "cluster-domain": s.ClusterDomain, "network": s.PodNetwork,
	}
}

// ReadShared reads what Data wrote.
func ReadShared(data map[string]string) (*Shared, error) {
	s := &Shared{
		ClusterCIDR: data["cluster-cidr"], ServiceCIDR: data["service-cidr"], ClusterDNS: data["cluster-dns"], ClusterDomain: data["cluster-domain"],
		PodNetwork: data["network"],
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s of kube-system: %w", SharedName, err)
	}
	return s, nil
}

// Prefixes are those of a network that was validated.
func Prefixes(cidr string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(cidr)} }
