package stats

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// emitter turns measurements into metrics as they are collected. It describes nothing in advance (an unchecked
// collector), because each lives for one request.
type emitter struct {
	out chan<- prometheus.Metric
}

func (e emitter) emit(kind prometheus.ValueType, name, help string, value float64, at time.Time, labels prometheus.Labels) {
	desc := prometheus.NewDesc(name, help, nil, labels)
	metric := prometheus.MustNewConstMetric(desc, kind, value)
	if !at.IsZero() {
		metric = prometheus.NewMetricWithTimestamp(at, metric)
	}
	e.out <- metric
}

func (e emitter) gauge(name, help string, value float64, at time.Time, labels prometheus.Labels) {
	e.emit(prometheus.GaugeValue, name, help, value, at, labels)
}

func (e emitter) counter(name, help string, value float64, at time.Time, labels prometheus.Labels) {
	e.emit(prometheus.CounterValue, name, help, value, at, labels)
}

type collectorFunc func(emitter)

func (collectorFunc) Describe(chan<- *prometheus.Desc) {}

func (f collectorFunc) Collect(out chan<- prometheus.Metric) { f(emitter{out}) }

func seconds(nanoseconds uint64) float64 { return float64(nanoseconds) / 1e9 }

func podLabels(pod *measuredPod) prometheus.Labels {
	labels := prometheus.Labels{"namespace": "", "pod": ""}
	if pod.Pod.Pod != nil {
		labels["namespace"], labels["pod"] = pod.Pod.Pod.Namespace, pod.Pod.Pod.Name
	}
	return labels
}

// ResourceMetrics is what /metrics/resource shows: the few series that autoscaling and `kubectl top` need.
func ResourceMetrics(s *Summary) prometheus.Collector {
	return collectorFunc(func(e emitter) {
		resourceSeries(e, "node", &s.node, nil)
		for i := range s.pods {
			pod := &s.pods[i]
			resourceSeries(e, "pod", &pod.measured, podLabels(pod))
			for j := range pod.containers {
				container := &pod.containers[j]
				labels := podLabels(pod)
				labels["container"] = container.Name
				resourceSeries(e, "container", &container.measured, labels)
				if !container.StartedAt.IsZero() {
					e.gauge("container_start_time_seconds", "Start time of the container since unix epoch in seconds", seconds(uint64(container.StartedAt.UnixNano())), time.Time{}, labels)
				}
			}
		}
		e.gauge("resource_scrape_error", "1 if there was an error while getting container metrics, 0 otherwise", 0, time.Time{}, nil)
	})
}

func resourceSeries(e emitter, what string, m *measured, labels prometheus.Labels) {
	if !m.found {
		return
	}
	e.counter(what+"_cpu_usage_seconds_total", "Cumulative cpu time consumed by the "+what+" in core-seconds", seconds(m.cpu), m.at.Time, labels)
	e.gauge(what+"_memory_working_set_bytes", "Current working set of the "+what+" in bytes", float64(m.workingSet), m.at.Time, labels)
	e.gauge(what+"_swap_usage_bytes", "Current swap usage of the "+what+" in bytes. Reported only on non-windows systems", float64(m.swap), m.at.Time, labels)
}

// ContainerMetrics is what /metrics/cadvisor shows, under the names that dashboards and alerts use.
func ContainerMetrics(s *Summary) prometheus.Collector {
	return collectorFunc(func(e emitter) {
		e.gauge("machine_cpu_cores", "Number of logical CPU cores.", float64(runtime.NumCPU()), time.Time{}, nil)
		e.gauge("machine_memory_bytes", "Amount of memory installed on the machine.", float64(s.memory), time.Time{}, nil)
		root := prometheus.Labels{"container": "", "id": "/", "image": "", "name": "", "namespace": "", "pod": ""}
		cgroupSeries(e, &s.node, root)
		networkSeries(e, s.node.at.Time, s.interfaces, root)
		for i := range s.pods {
			pod := &s.pods[i]
			labels := containerLabels(pod, pod.Cgroup, Container{})
			cgroupSeries(e, &pod.measured, labels)
			networkSeries(e, pod.at.Time, pod.interfaces, labels)
			for j := range pod.containers {
				container := &pod.containers[j]
				containerSeries(e, container, containerLabels(pod, container.Cgroup, container.Container))
			}
		}
	})
}

func containerLabels(pod *measuredPod, id string, container Container) prometheus.Labels {
	labels := podLabels(pod)
	labels["id"], labels["container"], labels["image"], labels["name"] = id, container.Name, container.Image, container.ID
	return labels
}

func containerSeries(e emitter, container *measuredContainer, labels prometheus.Labels) {
	cgroupSeries(e, &container.measured, labels)
	if !container.StartedAt.IsZero() {
		e.gauge("container_start_time_seconds", "Start time of the container since unix epoch in seconds.", float64(container.StartedAt.Unix()), container.at.Time, labels)
	}
	if container.layer != nil {
		e.gauge("container_fs_usage_bytes", "Number of bytes that are consumed by the container on this filesystem.", float64(container.layer.GetUsedBytes().GetValue()), container.at.Time, with(labels, "device", ""))
	}
}

func with(labels prometheus.Labels, pairs ...string) prometheus.Labels {
	more := prometheus.Labels{}
	for name, value := range labels {
		more[name] = value
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		more[pairs[i]] = pairs[i+1]
	}
	return more
}

func cgroupSeries(e emitter, m *measured, labels prometheus.Labels) {
	if !m.found {
		return
	}
	at := m.at.Time
	e.gauge("container_last_seen", "Last time a container was seen by the exporter", float64(at.Unix()), at, labels)
	e.counter("container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.", seconds(m.cpu), at, with(labels, "cpu", "total"))
	e.counter("container_cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds.", seconds(m.user), at, labels)
	e.counter("container_cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds.", seconds(m.system), at, labels)
	if m.periods > 0 {
		e.counter("container_cpu_cfs_periods_total", "Number of elapsed enforcement period intervals.", float64(m.periods), at, labels)
		e.counter("container_cpu_cfs_throttled_periods_total", "Number of throttled period intervals.", float64(m.throttled), at, labels)
		e.counter("container_cpu_cfs_throttled_seconds_total", "Total time duration the container has been throttled.", seconds(m.throttledTime), at, labels)
	}
	e.gauge("container_memory_usage_bytes", "Current memory usage in bytes, including all memory regardless of when it was accessed", float64(m.memory), at, labels)
	e.gauge("container_memory_working_set_bytes", "Current working set in bytes.", float64(m.workingSet), at, labels)
	e.gauge("container_memory_rss", "Size of RSS in bytes.", float64(m.rss), at, labels)
	e.gauge("container_memory_cache", "Number of bytes of page cache memory.", float64(m.cache), at, labels)
	e.gauge("container_memory_mapped_file", "Size of memory mapped files in bytes.", float64(m.mapped), at, labels)
	e.gauge("container_memory_swap", "Container swap usage in bytes.", float64(m.swap), at, labels)
	e.gauge("container_memory_max_usage_bytes", "Maximum memory usage recorded in bytes", float64(m.maxMemory), at, labels)
	e.counter("container_memory_failcnt", "Number of memory usage hits limits", float64(m.memoryFailures), at, labels)
	const failures = "Cumulative count of memory allocation failures."
	e.counter("container_memory_failures_total", failures, float64(m.pageFaults), at, with(labels, "failure_type", "pgfault", "scope", "hierarchy"))
	e.counter("container_memory_failures_total", failures, float64(m.majorPageFaults), at, with(labels, "failure_type", "pgmajfault", "scope", "hierarchy"))
	e.gauge("container_spec_memory_limit_bytes", "Memory limit for the container.", float64(m.memoryLimit), at, labels)
	e.gauge("container_processes", "Number of processes running inside the container.", float64(m.processes), at, labels)
}

func networkSeries(e emitter, at time.Time, interfaces []interfaceUsage, labels prometheus.Labels) {
	for _, one := range interfaces {
		on := with(labels, "interface", one.name)
		for direction, counters := range map[string][4]uint64{
			"receive": {one.rxBytes, one.rxPackets, one.rxErrs, one.rxDrop}, "transmit": {one.txBytes, one.txPackets, one.txErrs, one.txDrop},
		} {
			name := "container_network_" + direction
			e.counter(name+"_bytes_total", "Cumulative count of bytes, "+direction, float64(counters[0]), at, on)
			e.counter(name+"_packets_total", "Cumulative count of packets, "+direction, float64(counters[1]), at, on)
			e.counter(name+"_errors_total", "Cumulative count of errors encountered, "+direction, float64(counters[2]), at, on)
			e.counter(name+"_packets_dropped_total", "Cumulative count of packets dropped, "+direction, float64(counters[3]), at, on)
		}
	}
}
