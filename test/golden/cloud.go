package golden

import (
	"net"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	cloudprovider "k8s.io/cloud-provider"
	"k8s.io/cloud-provider/fake"
)

// What the machines of the cloud do, in the comments of a case.
const (
	running = "running"
	stopped = "stopped"
	gone    = "gone"
	moved   = "moved"
)

func states() []string { return []string{running, stopped, gone, moved} }

// newCloud returns a cloud whose machines are all alike.
func newCloud() *fake.Cloud {
	return &fake.Cloud{
		EnableInstancesV2: true, ExistsByProviderID: true, ExternalIP: net.IPv4(198, 51, 100, 1),
		Addresses:        []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.1"}, {Type: corev1.NodeExternalIP, Address: "198.51.100.2"}},
		InstanceTypes:    map[types.NodeName]string{"": "large"},
		Zone:             cloudprovider.Zone{FailureDomain: "zone-a", Region: "region-1"},
		AdditionalLabels: map[string]string{"cloud.example.com/rack": "7"},
		RouteMap:         map[string]*fake.Route{},
	}
}

// turn has all machines run, be stopped, be gone, or have another address. Nothing of a bubble runs when it is called.
func (w *world) turn(to string) {
	if w.cloud == nil || to == "" {
		return
	}
	w.cloud.ExistsByProviderID, w.cloud.NodeShutdown = to != gone, to == stopped
	if to == moved {
		w.cloud.SetNodeAddresses([]corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.9"}})
	}
}
