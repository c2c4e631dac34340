package flagset

import (
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster/options"
)

func addRequestFlags(flags *pflag.FlagSet, o *options.RequestOptions) {
	flags.BoolVar(&o.EnablePriorityAndFairness, "enable-priority-and-fairness", o.EnablePriorityAndFairness, "have requests wait for their turn by FlowSchema and PriorityLevelConfiguration")
	flags.IntVar(&o.MaxRequestsInflight, "max-requests-inflight", o.MaxRequestsInflight, "number of reading requests at a time; with priority and fairness, the sum of both is divided among the priority levels")
	flags.IntVar(&o.MaxMutatingRequestsInflight, "max-mutating-requests-inflight", o.MaxMutatingRequestsInflight, "number of writing requests at a time")
	flags.DurationVar(&o.RequestTimeout.Duration, "request-timeout", o.RequestTimeout.Duration, "what a request may take, unless it is a watch or another that lasts")
	flags.IntVar(&o.MinRequestTimeout, "min-request-timeout", o.MinRequestTimeout, "seconds that a watch lasts at least, unless it names a timeout")
	flags.Float64Var(&o.GoawayChance, "goaway-chance", o.GoawayChance, "how often an HTTP/2 client is told to connect anew, 0 to 0.02")
	flags.DurationVar(&o.ShutdownDelayDuration.Duration, "shutdown-delay-duration", o.ShutdownDelayDuration.Duration, "how long requests are still served after /readyz says that the server ends")
}
