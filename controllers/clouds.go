package controllers

import (
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

// cloudNames are those of the cloud controller manager.
func cloudNames() []named {
	return []named{
		{"cloud-node-controller", "cloud-node", cloudnode.Name, false},
		{"cloud-node-lifecycle-controller", "cloud-node-lifecycle", cloudnodelifecycle.Name, false},
		{"service-lb-controller", "service", service.Name, false},
		{"node-route-controller", "route", route.Name, false},
	}
}

// CloudDisabled are the controllers of clouds that --controllers leaves out.
func CloudDisabled(selected []string) ([]string, error) { return disabled(cloudNames(), selected) }
