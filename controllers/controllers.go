package controllers

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/coxswain-k8s/coxswain/controllers/certificates"
	"github.com/coxswain-k8s/coxswain/controllers/clusterroleaggregation"
	"github.com/coxswain-k8s/coxswain/controllers/cronjob"
	"github.com/coxswain-k8s/coxswain/controllers/daemonset"
	"github.com/coxswain-k8s/coxswain/controllers/deployment"
	"github.com/coxswain-k8s/coxswain/controllers/disruption"
	"github.com/coxswain-k8s/coxswain/controllers/endpoints"
	"github.com/coxswain-k8s/coxswain/controllers/endpointslice"
	"github.com/coxswain-k8s/coxswain/controllers/endpointslicemirroring"
	"github.com/coxswain-k8s/coxswain/controllers/garbagecollector"
	"github.com/coxswain-k8s/coxswain/controllers/job"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/namespace"
	"github.com/coxswain-k8s/coxswain/controllers/nodeipam"
	"github.com/coxswain-k8s/coxswain/controllers/nodelifecycle"
	"github.com/coxswain-k8s/coxswain/controllers/podgc"
	"github.com/coxswain-k8s/coxswain/controllers/pvcprotection"
	"github.com/coxswain-k8s/coxswain/controllers/pvprotection"
	"github.com/coxswain-k8s/coxswain/controllers/replicaset"
	"github.com/coxswain-k8s/coxswain/controllers/replicationcontroller"
	"github.com/coxswain-k8s/coxswain/controllers/resourcequota"
	"github.com/coxswain-k8s/coxswain/controllers/rootca"
	"github.com/coxswain-k8s/coxswain/controllers/serviceaccount"
	"github.com/coxswain-k8s/coxswain/controllers/statefulset"
	"github.com/coxswain-k8s/coxswain/controllers/tainteviction"
	"github.com/coxswain-k8s/coxswain/controllers/ttlafterfinished"
)

// Deps is what controllers need beyond the manager.
type Deps = kit.Deps

// Signer is a certificate authority for certificate signing requests.
type Signer = kit.Signer

type controller struct {
	name     string
	register func(context.Context, manager.Manager, kit.Deps) error
}

// all lists what runs, in the order in which it is registered.
func all() []controller {
	return []controller{
		{replicationcontroller.Name, replicationcontroller.Register},
		{replicaset.Name, replicaset.Register},
		{deployment.Name, deployment.Register},
		{endpoints.Name, endpoints.Register},
		{endpointslice.Name, endpointslice.Register},
		{endpointslicemirroring.Name, endpointslicemirroring.Register},
		{namespace.Name, namespace.Register},
		{serviceaccount.Name, serviceaccount.Register},
		{rootca.Name, rootca.Register},
		{garbagecollector.Name, garbagecollector.Register},
		{tainteviction.Name, tainteviction.Register},
		{nodelifecycle.Name, nodelifecycle.Register},
		{podgc.Name, podgc.Register},
		{nodeipam.Name, nodeipam.Register},
		{job.Name, job.Register},
		{ttlafterfinished.Name, ttlafterfinished.Register},
		{clusterroleaggregation.Name, clusterroleaggregation.Register},
		{certificates.Name, certificates.Register},
		{disruption.Name, disruption.Register},
		{daemonset.Name, daemonset.Register},
		{statefulset.Name, statefulset.Register},
		{cronjob.Name, cronjob.Register},
		{pvcprotection.Name, pvcprotection.Register},
		{pvprotection.Name, pvprotection.Register},
		{resourcequota.Name, resourcequota.Register},
	}
}

// Names are the names of all controllers, as Deps.Disabled takes them.
func Names() []string {
	var names []string
	for _, c := range all() {
		names = append(names, c.name)
	}
	return names
}

// Register puts every controller that deps does not disable on mgr. It must be called
// before mgr starts.
func Register(mgr manager.Manager, deps Deps) error {
	ctx := context.Background() // indexes are added before anything runs
	deps = deps.Defaults()
	for _, c := range all() {
		if slices.Contains(deps.Disabled, c.name) {
			continue
		}
		if err := c.register(ctx, mgr, deps); err != nil {
			return fmt.Errorf("registering controller %s: %w", c.name, err)
		}
	}
	return nil
}
