package controllers

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/coxswain-k8s/coxswain/controllers/attachdetach"
	"github.com/coxswain-k8s/coxswain/controllers/bootstrapsigner"
	"github.com/coxswain-k8s/coxswain/controllers/certificates"
	"github.com/coxswain-k8s/coxswain/controllers/cloudnode"
	"github.com/coxswain-k8s/coxswain/controllers/cloudnodelifecycle"
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
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/legacytokencleaner"
	"github.com/coxswain-k8s/coxswain/controllers/localpath"
	"github.com/coxswain-k8s/coxswain/controllers/namespace"
	"github.com/coxswain-k8s/coxswain/controllers/nodeipam"
	"github.com/coxswain-k8s/coxswain/controllers/nodelifecycle"
	"github.com/coxswain-k8s/coxswain/controllers/nodettl"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/persistentvolume"
	"github.com/coxswain-k8s/coxswain/controllers/podgc"
	"github.com/coxswain-k8s/coxswain/controllers/pvcprotection"
	"github.com/coxswain-k8s/coxswain/controllers/pvprotection"
	"github.com/coxswain-k8s/coxswain/controllers/replicaset"
	"github.com/coxswain-k8s/coxswain/controllers/replicationcontroller"
	"github.com/coxswain-k8s/coxswain/controllers/resourceclaim"
	"github.com/coxswain-k8s/coxswain/controllers/resourcequota"
	"github.com/coxswain-k8s/coxswain/controllers/rootca"
	"github.com/coxswain-k8s/coxswain/controllers/route"
	"github.com/coxswain-k8s/coxswain/controllers/service"
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

// Deps is what controllers need beyond the manager.
type Deps = kit.Deps

// Access is what a controller calls the API with.
type Access = kit.Access

// Tuning is what users change of how controllers work.
type Tuning = kit.Tuning

// RecyclingTime is how long emptying a volume may take.
type RecyclingTime = kit.RecyclingTime

// DefaultTuning is kube-controller-manager's.
func DefaultTuning() *Tuning { return kit.DefaultTuning() }

// Signer is a certificate authority for certificate signing requests.
type Signer = kit.Signer

type controller struct {
	name string
	// account is the service account in kube-system as which it calls the API. What an account may do says the
	// cluster role system:controller:<account>. Without one it acts as the manager, as upstream's does.
	account string
	// flags are the names by which a program's --controllers knows it: upstream's, and an older one. Without them it is known by its parts.
	flags    string
	register func(context.Context, manager.Manager, kit.Deps) error
}

// all lists what runs, in the order in which it is registered.
func all() []controller {
	return []controller{
		{replicationcontroller.Name, "replication-controller", "replicationcontroller-controller replicationcontroller", replicationcontroller.Register},
		{replicaset.Name, "replicaset-controller", "replicaset-controller replicaset", replicaset.Register},
		{deployment.Name, "deployment-controller", "deployment-controller deployment", deployment.Register},
		{endpoints.Name, "endpoint-controller", "endpoints-controller endpoint", endpoints.Register},
		{endpointslice.Name, "endpointslice-controller", "endpointslice-controller endpointslice", endpointslice.Register},
		{endpointslicemirroring.Name, "endpointslicemirroring-controller", "endpointslice-mirroring-controller endpointslicemirroring", endpointslicemirroring.Register},
		{namespace.Name, "namespace-controller", "namespace-controller namespace", namespace.Register},
		{serviceaccount.Name, "service-account-controller", "serviceaccount-controller serviceaccount", serviceaccount.Register},
		{rootca.Name, "root-ca-cert-publisher", "root-ca-certificate-publisher-controller root-ca-cert-publisher", rootca.Register},
		{garbagecollector.Name, "generic-garbage-collector", "garbage-collector-controller garbagecollector", garbagecollector.Register},
		{tainteviction.Name, "node-controller", "taint-eviction-controller", tainteviction.Register},
		{nodelifecycle.Name, "node-controller", "node-lifecycle-controller nodelifecycle", nodelifecycle.Register},
		{podgc.Name, "pod-garbage-collector", "pod-garbage-collector-controller podgc", podgc.Register},
		{nodeipam.Name, "node-controller", "node-ipam-controller nodeipam", nodeipam.Register},
		{job.Name, "job-controller", "job-controller job", job.Register},
		{ttlafterfinished.Name, "ttl-after-finished-controller", "ttl-after-finished-controller ttl-after-finished", ttlafterfinished.Register},
		{clusterroleaggregation.Name, "clusterrole-aggregation-controller", "clusterrole-aggregation-controller clusterrole-aggregation", clusterroleaggregation.Register},
		{certificates.Name, "certificate-controller", "", certificates.Register},
		{disruption.Name, "disruption-controller", "disruption-controller disruption", disruption.Register},
		{daemonset.Name, "daemon-set-controller", "daemonset-controller daemonset", daemonset.Register},
		{statefulset.Name, "statefulset-controller", "statefulset-controller statefulset", statefulset.Register},
		{cronjob.Name, "cronjob-controller", "cronjob-controller cronjob", cronjob.Register},
		{pvcprotection.Name, "pvc-protection-controller", "persistentvolumeclaim-protection-controller pvc-protection", pvcprotection.Register},
		{pvprotection.Name, "pv-protection-controller", "persistentvolume-protection-controller pv-protection", pvprotection.Register},
		{vacprotection.Name, "volumeattributesclass-protection-controller", "volumeattributesclass-protection-controller", vacprotection.Register},
		{persistentvolume.Name, "persistent-volume-binder", "persistentvolume-binder-controller persistentvolume-binder", persistentvolume.Register},
		{attachdetach.Name, "attachdetach-controller", "persistentvolume-attach-detach-controller attachdetach", attachdetach.Register},
		{ephemeralvolume.Name, "ephemeral-volume-controller", "ephemeral-volume-controller ephemeral-volume", ephemeralvolume.Register},
		{resourceclaim.Name, "resource-claim-controller", "resourceclaim-controller resource-claim-controller", resourceclaim.Register},
		{devicetainteviction.Name, "device-taint-eviction-controller", "device-taint-eviction-controller", devicetainteviction.Register},
		{horizontalpodautoscaler.Name, "horizontal-pod-autoscaler", "horizontal-pod-autoscaler-controller horizontalpodautoscaling", horizontalpodautoscaler.Register},
		{nodettl.Name, "ttl-controller", "ttl-controller ttl", nodettl.Register},
		{expand.Name, "expand-controller", "persistentvolume-expander-controller persistentvolume-expander", expand.Register},
		{resourcequota.Name, "resourcequota-controller", "resourcequota-controller resourcequota", resourcequota.Register},
		{bootstrapsigner.Name, "bootstrap-signer", "bootstrap-signer-controller bootstrapsigner", bootstrapsigner.Register},
		{serviceaccounttoken.Name, "", "serviceaccount-token-controller serviceaccount-token", serviceaccounttoken.Register},
		{legacytokencleaner.Name, "legacy-service-account-token-cleaner", "legacy-serviceaccount-token-cleaner-controller legacy-service-account-token-cleaner", legacytokencleaner.Register},
		{servicecidr.Name, "service-cidrs-controller", "service-cidr-controller", servicecidr.Register},
		{ipaddressrepair.Name, "ip-address-repair", "ip-address-repair", ipaddressrepair.Register},
		{tokencleaner.Name, "token-cleaner", "token-cleaner-controller tokencleaner", tokencleaner.Register},
		{storageversionmigrator.Name, "storage-version-migrator-controller", "storage-version-migrator-controller", storageversionmigrator.Register},
		{localpath.Name, "local-path-provisioner", "local-path-provisioner", localpath.Register},
	}
}

// clouds lists what runs in the cloud controller manager. Each leaves itself out where the cloud has nothing for it.
func clouds() []controller {
	return []controller{
		{cloudnode.Name, "node-controller", "cloud-node-controller cloud-node", cloudnode.Register},
		{cloudnodelifecycle.Name, "node-controller", "cloud-node-lifecycle-controller cloud-node-lifecycle", cloudnodelifecycle.Register},
		{service.Name, "service-controller", "service-lb-controller service", service.Register},
		{route.Name, "route-controller", "node-route-controller route", route.Register},
	}
}

// Names are the names of all controllers, as Deps.Disabled takes them.
func Names() []string {
	var names []string
	for _, c := range append(all(), clouds()...) {
		names = append(names, c.name)
	}
	return names
}

// Accounts are the accounts as which controllers call the API, by the controller's name; "" is the manager's.
func Accounts() map[string]string {
	of := map[string]string{}
	for _, c := range append(all(), clouds()...) {
		of[c.name] = c.account
	}
	return of
}

// Register puts every controller that deps does not disable on mgr. It must be called
// before mgr starts.
func Register(mgr manager.Manager, deps Deps) error { return register(mgr, deps, all()) }

// RegisterCloud puts the controllers of clouds on mgr. It must be called before mgr starts.
func RegisterCloud(mgr manager.Manager, deps Deps) error { return register(mgr, deps, clouds()) }

func register(mgr manager.Manager, deps Deps, list []controller) error {
	ctx := context.Background() // indexes are added before anything runs
	deps = deps.Defaults()
	common := shared{sight: kit.NewSight(mgr.GetCache()), nodes: patch.NewNodes()}
	for _, c := range list {
		if slices.Contains(deps.Disabled, c.name) {
			continue
		}
		own, err := actAs(mgr, deps, &c, common)
		if err != nil {
			return fmt.Errorf("setting up controller %s: %w", c.name, err)
		}
		if err := c.register(ctx, own, deps); err != nil {
			return fmt.Errorf("registering controller %s: %w", c.name, err)
		}
	}
	return nil
}
