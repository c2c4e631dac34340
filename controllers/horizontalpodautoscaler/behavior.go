package horizontalpodautoscaler

import (
	"math"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
)

// limitByBehavior is limit for an autoscaler that says how fast it may grow and shrink.
func (r *round) limitByBehavior(current, proposed int32) int32 {
	up, down := rules(r.hpa.Spec.Behavior.ScaleUp, 0), rules(r.hpa.Spec.Behavior.ScaleDown, r.Settings.Downscale)
	r.history.recommend(r.now, proposed, max(window(up), window(down)))
	lowest := slices.Min(append(since(r.history.recommendations, r.now, window(up)), proposed))
	highest := slices.Max(append(since(r.history.recommendations, r.now, window(down)), proposed))
	stable := min(max(current, lowest), highest)
	r.stabilized(current, proposed, stable)
	switch {
	case stable > current:
		most := max(r.rate(up, current, 1), current)
		switch {
		case stable > most && most < r.hpa.Spec.MaxReplicas:
			return r.limited(most, "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
		case stable > r.hpa.Spec.MaxReplicas:
			return r.limited(r.hpa.Spec.MaxReplicas, "TooManyReplicas", "the desired replica count is more than the maximum replica count")
		}
	case stable < current:
		least := min(r.rate(down, current, -1), current)
		switch {
		case stable < least && least > r.least():
			return r.limited(least, "ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")
		case stable < r.least():
			return r.limited(r.least(), "TooFewReplicas", "the desired replica count is less than the minimum replica count")
		}
	}
	return r.free(stable)
}

// rules with defaults; the API fills them in for what is created there.
func rules(given *autoscalingv2.HPAScalingRules, window time.Duration) autoscalingv2.HPAScalingRules {
	all := autoscalingv2.HPAScalingRules{}
	if given != nil {
		all = *given
	}
	if all.StabilizationWindowSeconds == nil {
		seconds := int32(window / time.Second)
		all.StabilizationWindowSeconds = &seconds
	}
	if all.SelectPolicy == nil {
		most := autoscalingv2.MaxChangePolicySelect
		all.SelectPolicy = &most
	}
	if len(all.Policies) == 0 {
		all.Policies = []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}}
		if window == 0 {
			all.Policies = append(all.Policies, autoscalingv2.HPAScalingPolicy{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15})
		}
	}
	return all
}

func window(rules autoscalingv2.HPAScalingRules) time.Duration {
	return time.Duration(*rules.StabilizationWindowSeconds) * time.Second
}

// rate is the number of replicas that the policies let the target reach now, upwards (1) or downwards (-1).
func (r *round) rate(rules autoscalingv2.HPAScalingRules, current, sign int32) int32 {
	if *rules.SelectPolicy == autoscalingv2.DisabledPolicySelect {
		return current
	}
	var limits []int32
	for _, policy := range rules.Policies {
		before := current
		for _, change := range since(r.history.changes, r.now, time.Duration(policy.PeriodSeconds)*time.Second) {
			before -= change
		}
		switch {
		case policy.Type == autoscalingv2.PodsScalingPolicy:
			limits = append(limits, before+sign*policy.Value)
		case sign > 0:
			limits = append(limits, int32(math.Ceil(float64(before)*(1+float64(policy.Value)/100))))
		default:
			limits = append(limits, int32(float64(before)*(1-float64(policy.Value)/100)))
		}
	}
	if (*rules.SelectPolicy == autoscalingv2.MinChangePolicySelect) == (sign > 0) {
		return slices.Min(limits)
	}
	return slices.Max(limits)
}
