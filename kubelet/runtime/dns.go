package runtime

import (
	"bufio"
	"os"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// DNS is what pods' resolvers are made from.
type DNS struct {
	// ClusterDNS are the addresses of the cluster's DNS service, ClusterDomain its domain. Without addresses, pods resolve as the node.
	ClusterDNS    []string
	ClusterDomain string
	// ResolvConf is the node's own file, default /etc/resolv.conf.
	ResolvConf string
}

const maxSearch = 32

// Config returns the resolver configuration of a pod, and the name of the policy that had to be given up for want of a
// cluster DNS, or "".
func (d DNS) Config(pod *corev1.Pod) (config *runtimeapi.DNSConfig, missing string) {
	policy := pod.Spec.DNSPolicy
	if policy == corev1.DNSClusterFirst && pod.Spec.HostNetwork {
		policy = corev1.DNSDefault
	}
	config = &runtimeapi.DNSConfig{}
	switch policy {
	case corev1.DNSNone:
	case corev1.DNSDefault:
		config = d.host()
	default:
		host := d.host()
		if len(d.ClusterDNS) == 0 {
			config, missing = host, string(policy)
			break
		}
		config.Servers = slices.Clone(d.ClusterDNS)
		config.Options = []string{"ndots:5"}
		if d.ClusterDomain != "" {
			config.Searches = []string{pod.Namespace + ".svc." + d.ClusterDomain, "svc." + d.ClusterDomain, d.ClusterDomain}
		}
		config.Searches = unique(append(config.Searches, host.Searches...))
	}
	if extra := pod.Spec.DNSConfig; extra != nil {
		config.Servers = unique(append(config.Servers, extra.Nameservers...))
		config.Searches = unique(append(config.Searches, extra.Searches...))
		config.Options = mergeOptions(config.Options, extra.Options)
	}
	if len(config.Searches) > maxSearch {
		config.Searches = config.Searches[:maxSearch]
	}
	return config, missing
}

func (d DNS) host() *runtimeapi.DNSConfig {
	path := d.ResolvConf
	if path == "" {
		path = "/etc/resolv.conf"
	}
	config := &runtimeapi.DNSConfig{}
	f, err := os.Open(path)
	if err != nil {
		return config
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		words := strings.Fields(scanner.Text())
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			config.Servers = append(config.Servers, words[1])
		case "search":
			config.Searches = nil
			for _, s := range words[1:] {
				if s != "." {
					s = strings.TrimSuffix(s, ".")
				}
				config.Searches = append(config.Searches, s)
			}
		case "options":
			config.Options = words[1:]
		}
	}
	return config
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// mergeOptions lets the pod's options replace those of the same name.
func mergeOptions(options []string, extra []corev1.PodDNSConfigOption) []string {
	name := func(option string) string { n, _, _ := strings.Cut(option, ":"); return n }
	for _, e := range extra {
		options = slices.DeleteFunc(slices.Clone(options), func(o string) bool { return name(o) == e.Name })
		option := e.Name
		if e.Value != nil && *e.Value != "" {
			option += ":" + *e.Value
		}
		options = append(options, option)
	}
	return options
}
