package kubelet

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coxswain-k8s/coxswain/kubelet/logs"
	"github.com/coxswain-k8s/coxswain/kubelet/pressure"
	"github.com/coxswain-k8s/coxswain/kubelet/stats"
)

// measureEvery is how often volumes with a size limit are measured. Pods without one cost nothing.
const measureEvery = 10 * time.Second

// overflow says that a pod keeps more in an emptyDir on the disk than the volume's limit, measured when it is due. (In
// memory, the file system itself holds the limit.) Such a pod is evicted at once, without its grace.
func (w *worker) overflow(pod *corev1.Pod) *rejection {
	limited := sizedVolumes(pod)
	if len(limited) == 0 || w.volumes == nil {
		return nil
	}
	now := w.k.Clock.Now()
	if now.Before(w.measureAt) {
		return nil
	}
	w.measureAt = now.Add(measureEvery)
	for _, v := range limited {
		limit := v.EmptyDir.SizeLimit
		if used, _ := stats.DiskUsage(w.volumes[v.Name].HostPath); int64(used) > limit.Value() { //nolint:gosec // no disk is that large
			r := &rejection{reason: "Evicted", message: fmt.Sprintf("Usage of EmptyDir volume %q exceeds the limit %q. ", v.Name, limit.String()), failed: true, atOnce: true}
			w.k.event(pod, "", corev1.EventTypeWarning, r.reason, r.message)
			return r
		}
	}
	return nil
}

// wakeToMeasure wakes the worker when its volumes are to be measured.
func (w *worker) wakeToMeasure(pod *corev1.Pod) {
	if len(sizedVolumes(pod)) == 0 || w.volumes == nil {
		return
	}
	if w.measureAt.IsZero() {
		w.measureAt = w.k.Clock.Now().Add(measureEvery)
	}
	w.wakeAt(w.measureAt)
}

// sizedVolumes are the emptyDirs on the disk that have a limit.
func sizedVolumes(pod *corev1.Pod) []corev1.Volume {
	var out []corev1.Volume
	for _, v := range pod.Spec.Volumes {
		if v.EmptyDir != nil && v.EmptyDir.SizeLimit != nil && !v.EmptyDir.SizeLimit.IsZero() && v.EmptyDir.Medium == corev1.StorageMediumDefault {
			out = append(out, v)
		}
	}
	return out
}

// withoutGrace is the pod as one that is stopped at once.
func withoutGrace(pod *corev1.Pod) *corev1.Pod {
	now := *pod
	now.DeletionGracePeriodSeconds = new(int64)
	return &now
}

// newGauge measures the node's room.
func (k *Kubelet) newGauge() *pressure.Gauge {
	return &pressure.Gauge{
		Clock: k.Clock, Least: k.Eviction, RootDir: k.RootDir, ImagesHigh: k.ImageGCHigh, ImagesLow: k.ImageGCLow,
		ImageFs:    func() (string, error) { return k.runtime.ImageMountpoint(k.ctx) },
		FreeImages: func(bytes uint64) { k.wg.Go(func() { k.freeImages(bytes) }) },
	}
}

// freeImages removes unused images.
func (k *Kubelet) freeImages(enough uint64) {
	freed, err := k.imageGC.Free(k.ctx, enough)
	if err != nil && k.ctx.Err() == nil {
		k.log.Error(err, "removing unused images failed")
		return
	}
	k.log.Info("removed unused images", "freedBytes", freed, "wantedBytes", enough)
	if freed < enough {
		ref := &corev1.ObjectReference{Kind: "Node", Name: k.NodeName, UID: types.UID(k.NodeName)}
		k.Recorder.Eventf(ref, corev1.EventTypeWarning, "FreeDiskSpaceFailed", "Failed to garbage collect required amount of images. Attempted to free %d bytes, but only found %d bytes eligible to free.", enough, freed)
	}
}

// newRotator keeps the logs of containers below their limits.
func (k *Kubelet) newRotator() *logs.Rotator {
	return &logs.Rotator{Clock: k.Clock, MaxSize: k.ContainerLogMaxSize, MaxFiles: k.ContainerLogMaxFiles, Running: k.runningLogs, Reopen: k.runtime.ReopenLog}
}

func (k *Kubelet) runningLogs() []logs.Log {
	var out []logs.Log
	for _, w := range k.allWorkers() {
		w.mu.Lock()
		rt := w.rt
		w.mu.Unlock()
		if rt == nil {
			continue
		}
		for _, c := range rt.Containers {
			if c.Running() {
				out = append(out, logs.Log{ID: c.ID, Path: c.LogPath})
			}
		}
	}
	return out
}
