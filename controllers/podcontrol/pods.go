package podcontrol

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Pods creates and deletes pods for an owner, with an event on the owner for each.
type Pods struct {
	Client   client.Client
	Recorder record.EventRecorder
	Pending  *Pending
}

// FromTemplate returns the pod that owner wants from a template.
func FromTemplate(owner Owner, template *corev1.PodTemplateSpec) *corev1.Pod {
	copied := template.DeepCopy()
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       owner.Object.GetNamespace(),
			GenerateName:    namePrefix(owner.Object.GetName()),
			Labels:          copied.Labels,
			Annotations:     copied.Annotations,
			Finalizers:      copied.Finalizers,
			OwnerReferences: []metav1.OwnerReference{owner.Reference()},
		},
		Spec: copied.Spec,
	}
}

// namePrefix is the owner's name with a dash, if pods may be called so.
func namePrefix(name string) string {
	prefix := name + "-"
	if len(validation.NameIsDNSSubdomain(prefix, true)) != 0 {
		return name
	}
	return prefix
}

// Create creates one pod.
func (p *Pods) Create(ctx context.Context, owner Owner, pod *corev1.Pod) error {
	if err := p.Client.Create(ctx, pod); err != nil {
		if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			p.Recorder.Eventf(owner.Object, corev1.EventTypeWarning, "FailedCreate", "Error creating: %v", err)
		}
		return fmt.Errorf("creating pod: %w", err)
	}
	p.Pending.Created(owner.Object.GetUID(), pod)
	p.Recorder.Eventf(owner.Object, corev1.EventTypeNormal, "SuccessfulCreate", "Created pod: %v", pod.Name)
	return nil
}

// Delete deletes one pod.
func (p *Pods) Delete(ctx context.Context, owner Owner, pod *corev1.Pod) error {
	err := p.Client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // gone, or another pod of that name
		p.Pending.Deleted(owner.Object.GetUID(), pod.UID)
		return nil
	}
	if err != nil {
		p.Recorder.Eventf(owner.Object, corev1.EventTypeWarning, "FailedDelete", "Error deleting: %v", err)
		return fmt.Errorf("deleting pod %s: %w", pod.Name, err)
	}
	p.Pending.Deleted(owner.Object.GetUID(), pod.UID)
	p.Recorder.Eventf(owner.Object, corev1.EventTypeNormal, "SuccessfulDelete", "Deleted pod: %v", pod.Name)
	return nil
}

// Burst is how many pods an owner creates or deletes in one reconcile.
const Burst = 500

// CreateMany calls create count times, in batches of 1, 2, 4 … so that an owner whose
// pods are refused makes one failing call and not hundreds.
func CreateMany(count int, create func(i int) error) error {
	done := 0
	for batch := 1; done < count; batch *= 2 {
		size := min(batch, count-done)
		if err := parallel(size, func(i int) error { return create(done + i) }); err != nil {
			return err
		}
		done += size
	}
	return nil
}

// DeleteMany deletes all pods and returns what failed.
func (p *Pods) DeleteMany(ctx context.Context, owner Owner, pods []*corev1.Pod) error {
	return parallel(len(pods), func(i int) error { return p.Delete(ctx, owner, pods[i]) })
}

// parallel runs call for 0 … n-1 on at most 16 goroutines.
func parallel(n int, call func(i int) error) error {
	if n == 1 {
		return call(0)
	}
	errs := make([]error, n)
	next := make(chan int)
	var wait sync.WaitGroup
	for range min(n, 16) {
		wait.Go(func() {
			for i := range next {
				errs[i] = call(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
	return errors.Join(errs...)
}

// Condition returns the pod's condition of that type, or nil.
func Condition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// IsReady says whether the pod's Ready condition is true.
func IsReady(pod *corev1.Pod) bool {
	ready := Condition(pod, corev1.PodReady)
	return ready != nil && ready.Status == corev1.ConditionTrue
}

// IsFinished says whether the pod will never run again.
func IsFinished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// IsActive says whether the pod counts as a replica: neither finished nor being deleted.
func IsActive(pod *corev1.Pod) bool {
	return !IsFinished(pod) && pod.DeletionTimestamp == nil
}

// AvailableIn returns how long until a ready pod has been ready for minReadySeconds:
// zero when it has, and false when it is not ready.
func AvailableIn(pod *corev1.Pod, minReadySeconds int32, now time.Time) (time.Duration, bool) {
	ready := Condition(pod, corev1.PodReady)
	if ready == nil || ready.Status != corev1.ConditionTrue {
		return 0, false
	}
	if minReadySeconds <= 0 {
		return 0, true
	}
	if ready.LastTransitionTime.IsZero() {
		return time.Duration(minReadySeconds) * time.Second, true
	}
	due := ready.LastTransitionTime.Add(time.Duration(minReadySeconds) * time.Second)
	return max(due.Sub(now), 0), true
}

// IsAvailable says whether the pod has been ready for minReadySeconds.
func IsAvailable(pod *corev1.Pod, minReadySeconds int32, now time.Time) bool {
	wait, ready := AvailableIn(pod, minReadySeconds, now)
	return ready && wait == 0
}

// SetCondition sets a condition of a pod. Its transition time changes with its status.
func SetCondition(status *corev1.PodStatus, next corev1.PodCondition, now time.Time) {
	next.LastTransitionTime = metav1.NewTime(now)
	for i := range status.Conditions {
		have := &status.Conditions[i]
		if have.Type != next.Type {
			continue
		}
		if have.Status == next.Status {
			next.LastTransitionTime = have.LastTransitionTime
		}
		next.LastProbeTime = have.LastProbeTime
		*have = next
		return
	}
	status.Conditions = append(status.Conditions, next)
}

// IndexByNode adds the index of pods by their node, kit.NodeIndex.
func IndexByNode(ctx context.Context, mgr manager.Manager) error {
	return kit.Index(ctx, mgr, &corev1.Pod{}, kit.NodeIndex, func(obj client.Object) []string {
		pod, ok := obj.(*corev1.Pod)
		if !ok || pod.Spec.NodeName == "" {
			return nil
		}
		return []string{pod.Spec.NodeName}
	})
}
