package election

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Options say how several programs agree on which of them leads: servers on whose controllers and scheduler run.
type Options struct {
	// LeaderElect has only one of the servers that share EtcdServers run the controllers, and one the scheduler; default yes. A server with
	// an etcd of its own is alone, and never asks, unless EtcdListenClientURLs let other machines reach it.
	LeaderElect bool `json:"leader-elect"`
	// LeaderElectLeaseDuration is how long others wait for a leader that is not heard of; default 15 s.
	LeaderElectLeaseDuration metav1.Duration `json:"leader-elect-lease-duration,omitempty"`
	// LeaderElectRenewDeadline is how long a leader that cannot say so goes on; default 10 s.
	LeaderElectRenewDeadline metav1.Duration `json:"leader-elect-renew-deadline,omitempty"`
	// LeaderElectRetryPeriod is how often leaders are heard of, and others look; default 2 s.
	LeaderElectRetryPeriod metav1.Duration `json:"leader-elect-retry-period,omitempty"`
}

// DefaultOptions returns upstream's.
func DefaultOptions() Options {
	terms := Default()
	return Options{
		LeaderElect: true, LeaderElectLeaseDuration: metav1.Duration{Duration: terms.Lease},
		LeaderElectRenewDeadline: metav1.Duration{Duration: terms.Renew}, LeaderElectRetryPeriod: metav1.Duration{Duration: terms.Retry},
	}
}

// Terms are those that the options say.
func (o *Options) Terms() Terms {
	return Terms{Lease: o.LeaderElectLeaseDuration.Duration, Renew: o.LeaderElectRenewDeadline.Duration, Retry: o.LeaderElectRetryPeriod.Duration}
}
