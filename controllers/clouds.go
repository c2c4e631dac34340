package controllers

import (
	"time"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/route"
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
