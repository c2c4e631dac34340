package golden

import (
	"strconv"
	"strings"
	"time"

	"github.com/coxswain-k8s/coxswain/controllers"
)

// flags are those of kube-controller-manager that a case may set: what each changes of what the controllers are given.
var flags = map[string]func(deps *controllers.Deps, value string) error{
	"allocate-node-cidrs": func(deps *controllers.Deps, value string) error {
		allocate, err := strconv.ParseBool(value)
		if !allocate {
			deps.ClusterCIDRs = nil
		}
		return err
	},
	"cluster-cidr": func(deps *controllers.Deps, value string) error {
		deps.ClusterCIDRs = strings.Split(value, ",")
		return nil
	},
	"legacy-service-account-token-clean-up-period": func(deps *controllers.Deps, value string) (err error) {
		deps.LegacyTokenPeriod, err = time.ParseDuration(value)
		return err
	},
	"terminated-pod-gc-threshold": func(deps *controllers.Deps, value string) (err error) {
		deps.TerminatedPods, err = strconv.Atoi(value)
		return err
	},
}

// tune sets the flags of a case. They were parsed with it.
func (s *script) tune(deps *controllers.Deps) {
	for name, value := range s.flags {
		_ = flags[name](deps, value)
	}
}
