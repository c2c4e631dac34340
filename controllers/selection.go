package controllers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coxswain-k8s/coxswain/controllers/attachdetach"
	"github.com/coxswain-k8s/coxswain/controllers/bootstrapsigner"
	"github.com/coxswain-k8s/coxswain/controllers/certificates"
	"github.com/coxswain-k8s/coxswain/controllers/clusterroleaggregation"
	"github.com/coxswain-k8s/coxswain/controllers/cronjob"
	"github.com/coxswain-k8s/coxswain/controllers/daemonset"
	"github.com/coxswain-k8s/coxswain/controllers/deployment"
	"github.com/coxswain-k8s/coxswain/controllers/devicetainteviction"
	"github.com/coxswain-k8s/coxswain/controllers/disruption"
	"github.com/coxswain-k8s/coxswain/controllers/endpoints"
	"github.com/coxswain-k8s/coxswain/controllers/endpointslice"
	"github.com/coxswain-k8s/coxswain/controllers/endpointslicemirroring"
	"github.com/coxswain-k8s/coxswain/controllers/ephemeralvolume"
	"github.com/coxswain-k8s/coxswain/controllers/expand"
	"github.com/coxswain-k8s/coxswain/controllers/garbagecollector"
	"github.com/coxswain-k8s/coxswain/controllers/horizontalpodautoscaler"
	"github.com/coxswain-k8s/coxswain/controllers/ipaddressrepair"
	"github.com/coxswain-k8s/coxswain/controllers/job"
	"github.com/coxswain-k8s/coxswain/controllers/legacytokencleaner"
	"github.com/coxswain-k8s/coxswain/controllers/localpath"
	"github.com/coxswain-k8s/coxswain/controllers/namespace"
	"github.com/coxswain-k8s/coxswain/controllers/nodeipam"
	"github.com/coxswain-k8s/coxswain/controllers/nodelifecycle"
	"github.com/coxswain-k8s/coxswain/controllers/nodettl"
	"github.com/coxswain-k8s/coxswain/controllers/persistentvolume"
	"github.com/coxswain-k8s/coxswain/controllers/podgc"
	"github.com/coxswain-k8s/coxswain/controllers/pvcprotection"
	"github.com/coxswain-k8s/coxswain/controllers/pvprotection"
	"github.com/coxswain-k8s/coxswain/controllers/replicaset"
	"github.com/coxswain-k8s/coxswain/controllers/replicationcontroller"
	"github.com/coxswain-k8s/coxswain/controllers/resourceclaim"
	"github.com/coxswain-k8s/coxswain/controllers/resourcequota"
	"github.com/coxswain-k8s/coxswain/controllers/rootca"
	"github.com/coxswain-k8s/coxswain/controllers/serviceaccount"
	"github.com/coxswain-k8s/coxswain/controllers/serviceaccounttoken"
	"github.com/coxswain-k8s/coxswain/controllers/servicecidr"
	"github.com/coxswain-k8s/coxswain/controllers/statefulset"
	"github.com/coxswain-k8s/coxswain/controllers/storageversionmigrator"
	"github.com/coxswain-k8s/coxswain/controllers/tainteviction"
	"github.com/coxswain-k8s/coxswain/controllers/tokencleaner"
	"github.com/coxswain-k8s/coxswain/controllers/ttlafterfinished"
	"github.com/coxswain-k8s/coxswain/controllers/vacprotection"
)

// named is how a program's --controllers knows one of ours: by upstream's name, or an older one. With neither a * selects it.
type named struct {
	name, alias, ours string
	// asked is one that * does not select.
	asked bool
}

// managed are those of kube-controller-manager. What has none of ours is known, and nothing runs for it: its work is done
// elsewhere here, or by the API server, or is that of a cloud, or of an API that is off.
func managed() []named {
	return []named{
		{"bootstrap-signer-controller", "bootstrapsigner", bootstrapsigner.Name, true},
		{"certificatesigningrequest-approving-controller", "csrapproving", certificates.Approving, false},
		{"certificatesigningrequest-cleaner-controller", "csrcleaner", certificates.Cleaning, false},
		{"certificatesigningrequest-signing-controller", "csrsigning", certificates.Signing, false},
		{"cloud-node-lifecycle-controller", "cloud-node-lifecycle", "", false},
		{"clusterrole-aggregation-controller", "clusterrole-aggregation", clusterroleaggregation.Name, false},
		{"cronjob-controller", "cronjob", cronjob.Name, false},
		{"daemonset-controller", "daemonset", daemonset.Name, false},
		{"deployment-controller", "deployment", deployment.Name, false},
		{"device-taint-eviction-controller", "", devicetainteviction.Name, false},
		{"disruption-controller", "disruption", disruption.Name, false},
		{"endpoints-controller", "endpoint", endpoints.Name, false},
		{"endpointslice-controller", "endpointslice", endpointslice.Name, false},
		{"endpointslice-mirroring-controller", "endpointslicemirroring", endpointslicemirroring.Name, false},
		{"ephemeral-volume-controller", "ephemeral-volume", ephemeralvolume.Name, false},
		{"garbage-collector-controller", "garbagecollector", garbagecollector.Name, false},
		{"horizontal-pod-autoscaler-controller", "horizontalpodautoscaling", horizontalpodautoscaler.Name, false},
		{"ip-address-repair", "", ipaddressrepair.Name, true},
		{"job-controller", "job", job.Name, false},
		{"kube-apiserver-serving-clustertrustbundle-publisher-controller", "", "", false},
		{"kubelet-serving-approver", "", certificates.ServingApproving, true},
		{"legacy-serviceaccount-token-cleaner-controller", "legacy-service-account-token-cleaner", legacytokencleaner.Name, false},
		{"local-path-provisioner", "", localpath.Name, true},
		{"namespace-controller", "namespace", namespace.Name, false},
		{"node-ipam-controller", "nodeipam", nodeipam.Name, false},
		{"node-lifecycle-controller", "nodelifecycle", nodelifecycle.Name, false},
		{"node-route-controller", "route", "", false},
		{"persistentvolume-attach-detach-controller", "attachdetach", attachdetach.Name, false},
		{"persistentvolume-binder-controller", "persistentvolume-binder", persistentvolume.Name, false},
		{"persistentvolume-expander-controller", "persistentvolume-expander", expand.Name, false},
		{"persistentvolume-protection-controller", "pv-protection", pvprotection.Name, false},
		{"persistentvolumeclaim-protection-controller", "pvc-protection", pvcprotection.Name, false},
		{"pod-garbage-collector-controller", "podgc", podgc.Name, false},
		{"podcertificaterequest-cleaner-controller", "", "", false},
		{"podgroup-protection-controller", "", "", false},
		{"replicaset-controller", "replicaset", replicaset.Name, false},
		{"replicationcontroller-controller", "replicationcontroller", replicationcontroller.Name, false},
		{"resourceclaim-controller", "resource-claim-controller", resourceclaim.Name, false},
		{"resourcepoolstatusrequest-controller", "", "", false},
		{"resourcequota-controller", "resourcequota", resourcequota.Name, false},
		{"root-ca-certificate-publisher-controller", "root-ca-cert-publisher", rootca.Name, false},
		{"selinux-warning-controller", "", "", true},
		{"service-cidr-controller", "", servicecidr.Name, false},
		{"service-lb-controller", "service", "", false},
		{"serviceaccount-controller", "serviceaccount", serviceaccount.Name, false},
		{"serviceaccount-token-controller", "serviceaccount-token", serviceaccounttoken.Name, false},
		{"statefulset-controller", "statefulset", statefulset.Name, false},
		{"storage-version-migrator-controller", "", storageversionmigrator.Name, false},
		{"storageversion-garbage-collector-controller", "storage-version-gc", "", false},
		{"taint-eviction-controller", "", tainteviction.Name, false},
		{"token-cleaner-controller", "tokencleaner", tokencleaner.Name, true},
		{"ttl-after-finished-controller", "ttl-after-finished", ttlafterfinished.Name, false},
		{"ttl-controller", "ttl", nodettl.Name, false},
		{"validatingadmissionpolicy-status-controller", "validatingadmissionpolicy-status", "", false},
		{"volumeattributesclass-protection-controller", "", vacprotection.Name, false},
	}
}

// ManagedDisabled are the controllers, and parts of one, that kube-controller-manager's --controllers leaves out: * is all that are on by
// default, a name is that one, -name is not that one.
func ManagedDisabled(selected []string) ([]string, error) { return disabled(managed(), selected) }

func disabled(list []named, selected []string) ([]string, error) {
	var left, known []string
	valid := map[string]bool{"*": true}
	for _, c := range list {
		on, off := !c.asked && slices.Contains(selected, "*"), false
		known = append(known, c.name)
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
			return nil, fmt.Errorf("%q is not in the list of known controllers: %s", strings.TrimPrefix(name, "-"), strings.Join(known, ", "))
		}
	}
	return left, nil
}
