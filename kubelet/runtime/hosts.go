package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const (
	maxHostname  = 63
	hostsOfPods  = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
	hostsOfHost  = "# Kubernetes-managed hosts file (host network).\n"
	hostsAliases = "\n# Entries added by HostAliases.\n"
)

// hostnameOf returns the pod's host name and its domain ("" without a subdomain).
func hostnameOf(pod *corev1.Pod, clusterDomain string) (name, domain string) {
	if o := pod.Spec.HostnameOverride; o != nil && *o != "" && !pod.Spec.HostNetwork {
		return *o, ""
	}
	name = pod.Name
	if pod.Spec.Hostname != "" {
		name = pod.Spec.Hostname
	}
	if len(name) > maxHostname {
		name = strings.TrimRight(name[:maxHostname], "-.")
	}
	if pod.Spec.Subdomain != "" {
		domain = strings.TrimSuffix(fmt.Sprintf("%s.%s.svc.%s", pod.Spec.Subdomain, pod.Namespace, clusterDomain), ".")
	}
	return name, domain
}

// sandboxHostname is what `hostname` prints in the pod: the short name, or all of it with setHostnameAsFQDN.
func sandboxHostname(pod *corev1.Pod, clusterDomain string) (string, error) {
	name, domain := hostnameOf(pod, clusterDomain)
	if pod.Spec.SetHostnameAsFQDN == nil || !*pod.Spec.SetHostnameAsFQDN || domain == "" {
		return name, nil
	}
	fqdn := name + "." + domain
	if len(fqdn) > 64 {
		return "", fmt.Errorf("failed to construct FQDN from pod hostname and cluster domain, FQDN %s is too long (64 characters is the max, %d characters requested)", fqdn, len(fqdn))
	}
	return fqdn, nil
}

// hosts returns the content of the pod's /etc/hosts.
func hosts(pod *corev1.Pod, ips []string, clusterDomain string) (string, error) {
	var b strings.Builder
	if pod.Spec.HostNetwork {
		raw, err := os.ReadFile("/etc/hosts")
		if err != nil && !os.IsNotExist(err) {
			return "", fmt.Errorf("reading the node's hosts file: %w", err)
		}
		b.WriteString(hostsOfHost)
		b.Write(raw)
	} else {
		b.WriteString(hostsOfPods)
		name, domain := hostnameOf(pod, clusterDomain)
		for _, ip := range ips {
			if domain != "" {
				fmt.Fprintf(&b, "%s\t%s.%s\t%s\n", ip, name, domain, name)
			} else {
				fmt.Fprintf(&b, "%s\t%s\n", ip, name)
			}
		}
	}
	if len(pod.Spec.HostAliases) > 0 {
		b.WriteString(hostsAliases)
		for _, alias := range pod.Spec.HostAliases {
			fmt.Fprintf(&b, "%s\t%s\n", alias.IP, strings.Join(alias.Hostnames, "\t"))
		}
	}
	return b.String(), nil
}

// WriteHosts writes the pod's hosts file into its folder and returns the path. A running pod's file keeps its inode.
func WriteHosts(podDir string, pod *corev1.Pod, ips []string, clusterDomain string) (string, error) {
	content, err := hosts(pod, ips, clusterDomain)
	if err != nil {
		return "", err
	}
	path := filepath.Join(podDir, "etc-hosts")
	if old, err := os.ReadFile(path); err == nil && string(old) == content {
		return path, nil
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		return "", fmt.Errorf("writing the pod's hosts file: %w", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		return "", fmt.Errorf("opening the pod's hosts file to all: %w", err)
	}
	return path, nil
}
