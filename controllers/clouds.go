package controllers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coxswain-k8s/coxswain/controllers/cloudnode"
	"github.com/coxswain-k8s/coxswain/controllers/cloudnodelifecycle"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/route"
	"github.com/coxswain-k8s/coxswain/controllers/service"
)

// CloudSettings are those of the controllers of clouds.
type CloudSettings = kit.CloudSettings

// CloudRoutes is the name of the controller that has the cloud route to nodes.
const CloudRoutes = route.Name

// DefaultCloudSettings are the cloud controller manager's.
func DefaultCloudSettings() CloudSettings {
	return CloudSettings{
		NodeStatusPeriod: 5 * time.Minute, NodeMonitorPeriod: 5 * time.Second, RoutePeriod: 10 * time.Second, ServiceSyncs: 1, NodeSyncs: 1,
	}
}

// cloudNames are those by which the cloud controller manager's --controllers knows them: the name, the older one, and ours.
func cloudNames() [][3]string {
	return [][3]string{
		{"cloud-node-controller", "cloud-node", cloudnode.Name},
		{"cloud-node-lifecycle-controller", "cloud-node-lifecycle", cloudnodelifecycle.Name},
		{"service-lb-controller", "service", service.Name},
		{"node-route-controller", "route", route.Name},
	}
}

// CloudDisabled are the controllers of clouds that --controllers leaves out: * is all, a name is that one, -name is not that one.
func CloudDisabled(selected []string) ([]string, error) {
	var disabled, known []string
	all := slices.Contains(selected, "*")
	valid := map[string]bool{"*": true}
	for _, names := range cloudNames() {
		on, off := all, false
		known = append(known, names[0])
		for _, name := range names {
			valid[name] = true
			on = on || slices.Contains(selected, name)
			off = off || slices.Contains(selected, "-"+name)
		}
		if off || !on {
			disabled = append(disabled, names[2])
		}
	}
	for _, name := range selected {
		if !valid[strings.TrimPrefix(name, "-")] {
			return nil, fmt.Errorf("%q is not in the list of known controllers: %s", name, strings.Join(known, ", "))
		}
	}
	return disabled, nil
}
