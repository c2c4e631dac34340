package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/coxswain-k8s/coxswain/controllers/bootstrapsigner"
	"github.com/coxswain-k8s/coxswain/controllers/certificates"
	"github.com/coxswain-k8s/coxswain/controllers/ipaddressrepair"
	"github.com/coxswain-k8s/coxswain/controllers/localpath"
	"github.com/coxswain-k8s/coxswain/controllers/tokencleaner"
)

// PolicyStatus is the part that writes the status of ValidatingAdmissionPolicies. The API server does so where it is ours; where it is not,
// whoever runs the controllers puts it beside them.
const PolicyStatus = "policystatus"

// known is how a program's --controllers knows one of ours, or a part of one: by upstream's name, an older one, or ours.
type known struct{ name, alias, ours string }

// asked are those that * does not select.
func asked() []string {
	return []string{
		bootstrapsigner.Name, tokencleaner.Name, // what only clusters of kubeadm have, upstream says
		certificates.ServingApproving, ipaddressrepair.Name, localpath.Name, // which upstream leaves to others
	}
}

// parts are what kube-controller-manager knows beside whole controllers. What is none of ours is known, and nothing runs for it: its work
// is done elsewhere here, or by the API server, or is that of a cloud, or of an API that is off.
func parts() []known {
	return []known{
		{"certificatesigningrequest-approving-controller", "csrapproving", certificates.Approving},
		{"certificatesigningrequest-cleaner-controller", "csrcleaner", certificates.Cleaning},
		{"certificatesigningrequest-signing-controller", "csrsigning", certificates.Signing},
		{"cloud-node-lifecycle-controller", "cloud-node-lifecycle", ""},
		{"kube-apiserver-serving-clustertrustbundle-publisher-controller", "", ""},
		{"kubelet-serving-approver", "", certificates.ServingApproving},
		{"node-route-controller", "route", ""},
		{"podcertificaterequest-cleaner-controller", "", ""},
		{"podgroup-protection-controller", "", ""},
		{"resourcepoolstatusrequest-controller", "", ""},
		{"selinux-warning-controller", "", ""},
		{"service-lb-controller", "service", ""},
		{"storageversion-garbage-collector-controller", "storage-version-gc", ""},
		{"validatingadmissionpolicy-status-controller", "validatingadmissionpolicy-status", PolicyStatus},
	}
}

// ManagedDisabled are the controllers, and parts of one, that kube-controller-manager's --controllers leaves out: * is all that are on by
// default, a name is that one, -name is not that one.
func ManagedDisabled(selected []string) ([]string, error) { return disabled(managed(), selected) }

// managed are those of kube-controller-manager, by name.
func managed() []known {
	list := append(parts(), knownOf(all())...)
	slices.SortFunc(list, func(a, b known) int { return cmp.Compare(a.name, b.name) })
	return list
}

// CloudDisabled are the controllers of clouds that --controllers leaves out.
func CloudDisabled(selected []string) ([]string, error) { return disabled(knownOf(clouds()), selected) }

// ManagedAmong parts what kube-controller-manager runs into what names name, and the rest. What names name beside is nobody's.
func ManagedAmong(names []string) (named, others []string) { return among(managed(), names) }

// CloudAmong does so for the controllers of clouds.
func CloudAmong(names []string) (named, others []string) { return among(knownOf(clouds()), names) }

func among(list []known, names []string) (named, others []string) {
	for _, c := range list {
		switch {
		case c.ours == "":
		case slices.Contains(names, c.name), c.alias != "" && slices.Contains(names, c.alias), slices.Contains(names, c.ours):
			named = append(named, c.ours)
		default:
			others = append(others, c.ours)
		}
	}
	return named, others
}

func knownOf(list []controller) (of []known) {
	for _, c := range list {
		if c.flags != "" {
			name, alias, _ := strings.Cut(c.flags, " ")
			of = append(of, known{name, alias, c.name})
		}
	}
	return of
}

func disabled(list []known, selected []string) ([]string, error) {
	var left, names []string
	valid := map[string]bool{"*": true}
	for _, c := range list {
		on, off := slices.Contains(selected, "*") && !slices.Contains(asked(), c.ours), false
		names = append(names, c.name)
		for _, name := range []string{c.name, c.alias, c.ours} {
			if name == "" {
				continue
			}
			valid[name] = true
			on = on || slices.Contains(selected, name)
			off = off || slices.Contains(selected, "-"+name)
		}
		if c.ours != "" && (off || !on) {
			left = append(left, c.ours)
		}
	}
	for _, name := range selected {
		if !valid[strings.TrimPrefix(name, "-")] {
			return nil, fmt.Errorf("%q is not in the list of known controllers: %s", strings.TrimPrefix(name, "-"), strings.Join(names, ", "))
		}
	}
	return left, nil
}
