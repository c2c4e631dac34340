package horizontalpodautoscaler

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// tolerance is how far a ratio may be from 1 before anything is scaled, downwards and upwards.
type tolerance struct{ down, up float64 }

func (t tolerance) allows(ratio float64) bool { return 1-t.down <= ratio && ratio <= 1+t.up }

// usage is what pods use of something, and what is known of the pods that say nothing.
type usage struct {
	samples          map[string]sample
	ready            int
	unready, missing []string
}

// sort separates pods whose samples count from those that are not ready, have none, or are going away. Samples of pods that nobody knows
// count, too.
func (r *round) sort(pods []*corev1.Pod, samples map[string]sample, resource corev1.ResourceName) usage {
	u := usage{samples: maps.Clone(samples)}
	for _, pod := range pods {
		s, known := samples[pod.Name]
		switch {
		case pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed:
			delete(u.samples, pod.Name)
		case pod.Status.Phase == corev1.PodPending:
			delete(u.samples, pod.Name)
			u.unready = append(u.unready, pod.Name)
		case !known:
			u.missing = append(u.missing, pod.Name)
		case resource == corev1.ResourceCPU && initializing(pod, s, r.Settings, r.now):
			delete(u.samples, pod.Name)
			u.unready = append(u.unready, pod.Name)
		default:
			u.ready++
		}
	}
	return u
}

// initializing says whether the CPU usage of a pod says little: while it is young, and until it has been ready for the first time.
func initializing(pod *corev1.Pod, s sample, settings kit.Autoscaling, now time.Time) bool {
	var ready *corev1.PodCondition
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == corev1.PodReady {
			ready = &pod.Status.Conditions[i]
		}
	}
	if ready == nil || pod.Status.StartTime == nil {
		return true
	}
	started := pod.Status.StartTime.Time
	if started.Add(settings.Initialization).After(now) {
		return ready.Status == corev1.ConditionFalse || s.timestamp.Before(ready.LastTransitionTime.Add(s.window))
	}
	return ready.Status == corev1.ConditionFalse && started.Add(settings.ReadinessDelay).After(ready.LastTransitionTime.Time)
}

var errNoMetrics = errors.New("did not receive metrics for targeted pods (pods might be unready)")

// shares of what pods request: the number of replicas at which they would use the target percentage of it, and the
// percentage and the average that they use now.
func (u usage) shares(current int32, target int32, requests map[string]int64, t tolerance) (replicas int32, percent int32, average int64, err error) {
	if len(u.samples) == 0 {
		return 0, 0, 0, errNoMetrics
	}
	ratio, percent, average, err := utilization(u.samples, requests, target)
	if err != nil {
		return 0, 0, 0, err
	}
	whenDown := func(pod string) int64 { return requests[pod] * int64(max(100, target)) / 100 }
	again := func(samples map[string]sample) (float64, error) {
		ratio, _, _, err := utilization(samples, requests, target)
		return ratio, err
	}
	replicas, err = u.decide(current, ratio, t, whenDown, again)
	return replicas, percent, average, err
}

// averages is shares for a target that is an amount for each pod.
func (u usage) averages(current int32, target int64, t tolerance) (replicas int32, average int64, err error) {
	if len(u.samples) == 0 {
		return 0, 0, errNoMetrics
	}
	mean := func(samples map[string]sample) int64 {
		var sum int64
		for _, s := range samples {
			sum += s.value
		}
		return sum / int64(len(samples))
	}
	average = mean(u.samples)
	ratio := func(samples map[string]sample) (float64, error) { return float64(mean(samples)) / float64(target), nil }
	first, _ := ratio(u.samples)
	replicas, err = u.decide(current, first, t, func(string) int64 { return target }, ratio)
	return replicas, average, err
}

// decide turns a ratio of usage to target into a number of replicas. Pods that say nothing are taken for what speaks
// against scaling: for idle ones if there is to be more, for busy ones if there is to be less.
func (u usage) decide(current int32, ratio float64, t tolerance, whenDown func(pod string) int64, again func(map[string]sample) (float64, error)) (int32, error) {
	withUnready := len(u.unready) > 0 && ratio > 1
	if !withUnready && len(u.missing) == 0 {
		if t.allows(ratio) {
			return current, nil
		}
		return int32(math.Ceil(ratio * float64(u.ready))), nil
	}
	samples := map[string]sample{}
	for name, s := range u.samples {
		samples[name] = s
	}
	for _, name := range u.missing {
		switch {
		case ratio < 1:
			samples[name] = sample{value: whenDown(name)}
		case ratio > 1:
			samples[name] = sample{}
		}
	}
	if withUnready {
		for _, name := range u.unready {
			samples[name] = sample{}
		}
	}
	adjusted, err := again(samples)
	if err != nil {
		return 0, err
	}
	if t.allows(adjusted) || (ratio < 1) != (adjusted < 1) && ratio != 1 && adjusted != 1 {
		return current, nil
	}
	replicas := int32(math.Ceil(adjusted * float64(len(samples))))
	if adjusted < 1 && replicas > current || adjusted > 1 && replicas < current {
		return current, nil
	}
	return replicas, nil
}

// utilization is what pods use of what they request: the ratio to the target percentage, and the percentage.
func utilization(samples map[string]sample, requests map[string]int64, target int32) (ratio float64, percent int32, average int64, err error) {
	var used, requested, pods int64
	for name, s := range samples {
		request, ok := requests[name]
		if !ok {
			continue // it is gone by now
		}
		used, requested, pods = used+s.value, requested+request, pods+1
	}
	if requested == 0 {
		return 0, 0, 0, errors.New("no metrics returned matched known pods")
	}
	percent = int32(used * 100 / requested)
	return float64(percent) / float64(target), percent, used / pods, nil
}

// requests of pods by name, of one container or of all.
func requests(pods []*corev1.Pod, resource corev1.ResourceName, container string) (map[string]int64, error) {
	all := map[string]int64{}
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		sum, found := int64(0), container == ""
		for _, c := range append(sidecars(pod), pod.Spec.Containers...) {
			if container != "" && c.Name != container {
				continue
			}
			found = true
			request, ok := c.Resources.Requests[resource]
			if !ok {
				return nil, fmt.Errorf("missing request for %s in container %s of Pod %s", resource, c.Name, pod.Name)
			}
			sum += request.MilliValue()
		}
		if !found {
			return nil, fmt.Errorf("container %s not found in Pod %s", container, pod.Name)
		}
		all[pod.Name] = sum
	}
	return all, nil
}

func sidecars(pod *corev1.Pod) []corev1.Container {
	var all []corev1.Container
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, c)
		}
	}
	return all
}

// readyPods is how many pods run and are ready.
func readyPods(pods []*corev1.Pod) int {
	n := 0
	for _, pod := range pods {
		for _, c := range pod.Status.Conditions {
			if pod.Status.Phase == corev1.PodRunning && c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				n++
			}
		}
	}
	return n
}
