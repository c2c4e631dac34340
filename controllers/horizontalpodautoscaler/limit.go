package horizontalpodautoscaler

import (
	"math"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// history of one autoscaler: what was recommended and what was done, the latest last.
type history struct {
	recommendations []moment // numbers of replicas
	changes         []moment // replicas added, or taken away (negative)

	selector labels.Selector // of the target's pods, where it is known; guarded by the controller's mu
}

type moment struct {
	at time.Time
	n  int32
}

// first remembers how many replicas there were when nothing was recommended yet.
func (h *history) first(now time.Time, replicas int32) {
	if len(h.recommendations) == 0 {
		h.recommendations = append(h.recommendations, moment{now, replicas})
	}
}

// maxHistory is the longest period that there can be.
const maxHistory = time.Hour

// recommend adds a recommendation. What is older than the longest window is forgotten, also where that is longer later.
func (h *history) recommend(now time.Time, replicas int32, longest time.Duration) {
	h.recommendations = append(kept(h.recommendations, now, longest), moment{now, replicas})
}

func (h *history) scaled(now time.Time, by int32) {
	h.changes = append(kept(h.changes, now, maxHistory), moment{now, by})
}

func kept(all []moment, now time.Time, longest time.Duration) []moment {
	return slices.DeleteFunc(all, func(m moment) bool { return now.Sub(m.at) > longest })
}

// since returns what happened within the period.
func since(all []moment, now time.Time, period time.Duration) []int32 {
	var numbers []int32
	for _, m := range all {
		if m.at.After(now.Add(-period)) {
			numbers = append(numbers, m.n)
		}
	}
	return numbers
}

// limit makes of what the metrics ask for what there is going to be, and says in conditions what has changed it.
func (r *round) limit(current, proposed int32) int32 {
	if r.hpa.Spec.Behavior != nil {
		return r.limitByBehavior(current, proposed)
	}
	r.history.recommend(r.now, proposed, r.Settings.Downscale)
	stable := slices.Max(append(since(r.history.recommendations, r.now, r.Settings.Downscale), proposed))
	r.stabilized(current, proposed, stable)
	most, reason, message := r.hpa.Spec.MaxReplicas, "TooManyReplicas", "the desired replica count is more than the maximum replica count"
	if rate := int32(math.Max(2*float64(current), 4)); rate < most {
		most, reason, message = rate, "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate"
	}
	switch {
	case stable < r.least():
		return r.limited(r.least(), "TooFewReplicas", "the desired replica count is less than the minimum replica count")
	case stable > most:
		return r.limited(most, reason, message)
	}
	return r.free(stable)
}

// stabilized says whether earlier recommendations have changed this one.
func (r *round) stabilized(current, proposed, stable int32) {
	switch {
	case stable == proposed:
		r.set(autoscalingv2.AbleToScale, corev1.ConditionTrue, "ReadyForNewScale", "recommended size matches current size")
	case proposed >= current && r.hpa.Spec.Behavior != nil:
		r.set(autoscalingv2.AbleToScale, corev1.ConditionTrue, "ScaleUpStabilized", "recent recommendations were lower than current one, applying the lowest recent recommendation")
	default:
		r.set(autoscalingv2.AbleToScale, corev1.ConditionTrue, "ScaleDownStabilized", "recent recommendations were higher than current one, applying the highest recent recommendation")
	}
}

func (r *round) limited(replicas int32, reason, message string) int32 {
	r.set(autoscalingv2.ScalingLimited, corev1.ConditionTrue, reason, "%s", message)
	return replicas
}

func (r *round) free(replicas int32) int32 {
	r.set(autoscalingv2.ScalingLimited, corev1.ConditionFalse, "DesiredWithinRange", "the desired count is within the acceptable range")
	return replicas
}
