package deployment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// errCollision asks for another reconcile after a name was taken by another template.
var errCollision = errors.New("replica set name is taken by another template")

// errOver says that the deployment is there no more, which its event has yet to tell.
var errOver = errors.New("the deployment is gone, or being deleted")

// isOver looks past the cache whether a deployment is gone whose current set is: the cache may show the end of what it owned before its own.
func (c *Controller) isOver(ctx context.Context, d *appsv1.Deployment) (bool, error) {
	if d.Status.ObservedGeneration == 0 || d.Status.ObservedGeneration < d.Generation {
		return false, nil // it never had one
	}
	now := &metav1.PartialObjectMetadata{}
	now.SetGroupVersionKind(kind)
	err := c.Claimer.Live.Get(ctx, client.ObjectKeyFromObject(d), now)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return now.UID != d.UID || now.DeletionTimestamp != nil, err
}

// syncCurrent finds what is due of the current set, or creates the set when
// there is none and create is asked for.
func (c *Controller) syncCurrent(ctx context.Context, d *appsv1.Deployment, sets *sets, status *appsv1.DeploymentStatus, create bool) error {
	revision := nextRevision(sets.old)
	if sets.current == nil {
		if !create || (!rolling(d) && !emptied(sets.old)) { // recreate makes it when the others are gone
			return nil
		}
		if over, err := c.isOver(ctx, d); over || err != nil {
			return cmp.Or(err, errOver)
		}
		return c.create(ctx, d, sets, status, revision)
	}
	sets.due = func(rs *appsv1.ReplicaSet) {
		annotate(rs, d, revision)
		rs.Spec.MinReadySeconds = d.Spec.MinReadySeconds
	}
	if hasDeadline(d) && condition(status, appsv1.DeploymentProgressing) == nil {
		setCondition(status, progressing(corev1.ConditionTrue, foundReason, fmt.Sprintf("Found new replica set %q", sets.current.Name)), c.Clock.Now())
	}
	return nil
}

// flush writes what is due of the current set, if its size has not changed with it.
func (c *Controller) flush(ctx context.Context, sets *sets) error {
	if sets.due == nil {
		return nil
	}
	written, _, err := patch.Object(ctx, c.Client, sets.current, sets.due)
	if err != nil {
		return err
	}
	sets.replace(written)
	sets.due = nil
	return nil
}

func (c *Controller) create(ctx context.Context, d *appsv1.Deployment, sets *sets, status *appsv1.DeploymentStatus, revision int64) error {
	hash, err := templateHash(&d.Spec.Template, d.Status.CollisionCount)
	if err != nil {
		return fmt.Errorf("hashing template: %w", err)
	}
	rs := newSet(d, hash)
	sets.current = rs
	rs.Spec.Replicas = ptr.To(currentSize(d, sets))
	annotate(rs, d, revision)
	annotateSize(rs, d)
	err = c.Client.Create(ctx, rs)
	created := err == nil
	if apierrors.IsAlreadyExists(err) {
		rs, err = c.existing(ctx, d, rs, status)
	}
	if err != nil {
		sets.current = nil
		if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) && !errors.Is(err, errCollision) {
			message := fmt.Sprintf("Failed to create new replica set %q: %v", rs.Name, err)
			if hasDeadline(d) {
				setCondition(status, progressing(corev1.ConditionFalse, createErrorReason, message), c.Clock.Now())
			}
			c.Recorder.Event(d, corev1.EventTypeWarning, createErrorReason, message)
		}
		return fmt.Errorf("creating replica set: %w", err)
	}
	sets.current = rs
	if created && setReplicas(rs) > 0 {
		c.Recorder.Eventf(d, corev1.EventTypeNormal, "ScalingReplicaSet", "Scaled up replica set %s from 0 to %d", rs.Name, setReplicas(rs))
	}
	if hasDeadline(d) {
		setCondition(status, progressing(corev1.ConditionTrue, createdReason, fmt.Sprintf("Created new replica set %q", rs.Name)), c.Clock.Now())
	}
	return nil
}

// existing looks at the set whose name we wanted. It is ours when the cache had not
// shown it yet; otherwise the next hash is tried.
func (c *Controller) existing(ctx context.Context, d *appsv1.Deployment, wanted *appsv1.ReplicaSet, status *appsv1.DeploymentStatus) (*appsv1.ReplicaSet, error) {
	found := &appsv1.ReplicaSet{}
	if err := c.Claimer.Live.Get(ctx, client.ObjectKeyFromObject(wanted), found); err != nil {
		return wanted, fmt.Errorf("reading replica set of that name: %w", err)
	}
	ref := metav1.GetControllerOfNoCopy(found)
	if ref != nil && ref.UID == d.UID && sameTemplate(&found.Spec.Template, &d.Spec.Template) {
		return found, nil
	}
	status.CollisionCount = ptr.To(ptr.Deref(status.CollisionCount, 0) + 1)
	return wanted, errCollision
}

// roll moves a rolling update one step: the current set grows, or else old ones shrink.
func (c *Controller) roll(ctx context.Context, d *appsv1.Deployment, sets *sets) error {
	if scaled, err := c.scale(ctx, d, sets, sets.current, currentSize(d, sets)); scaled || err != nil {
		return err
	}
	for i, size := range oldSizes(d, sets) {
		if _, err := c.scale(ctx, d, sets, sets.old[i], size); err != nil {
			return err
		}
	}
	return nil
}

// recreate empties the old sets, waits until their pods are gone, then fills the
// current one.
func (c *Controller) recreate(ctx context.Context, d *appsv1.Deployment, sets *sets, _ *appsv1.DeploymentStatus) error {
	for _, rs := range sets.old {
		if _, err := c.scale(ctx, d, sets, rs, 0); err != nil {
			return err
		}
	}
	if sets.current == nil || !emptied(sets.old) {
		return nil // the last pod's end wakes us through the set's status
	}
	_, err := c.scale(ctx, d, sets, sets.current, replicas(d))
	return err
}

// emptied says whether no pod of these sets can still be running.
func emptied(old []*appsv1.ReplicaSet) bool {
	for _, rs := range old {
		stale := rs.Status.ObservedGeneration < rs.Generation
		if setReplicas(rs) > 0 || stale || rs.Status.Replicas > 0 || ptr.Deref(rs.Status.TerminatingReplicas, 0) > 0 {
			return false
		}
	}
	return true
}

// resize applies a new size of the deployment while nothing is rolled.
func (c *Controller) resize(ctx context.Context, d *appsv1.Deployment, sets *sets) error {
	for i, size := range resized(d, sets) {
		if _, err := c.scale(ctx, d, sets, sets.all()[i], size); err != nil {
			return err
		}
	}
	return nil
}

// scale writes a set's size and says whether that changed.
func (c *Controller) scale(ctx context.Context, d *appsv1.Deployment, sets *sets, rs *appsv1.ReplicaSet, size int32) (bool, error) {
	before := setReplicas(rs)
	if before == size && (size == 0 || sizeAnnotated(rs, d)) {
		return false, nil
	}
	withDue := rs == sets.current && sets.due != nil
	written, _, err := patch.Object(ctx, c.Client, rs, func(changed *appsv1.ReplicaSet) {
		if withDue {
			sets.due(changed)
		}
		changed.Spec.Replicas = ptr.To(size)
		annotateSize(changed, d)
	})
	if err != nil {
		return false, err
	}
	sets.replace(written)
	if withDue {
		sets.due = nil
	}
	if before != size {
		direction := "up"
		if size < before {
			direction = "down"
		}
		c.Recorder.Eventf(d, corev1.EventTypeNormal, "ScalingReplicaSet", "Scaled %s replica set %s from %d to %d", direction, rs.Name, before, size)
	}
	return before != size, nil
}

func sizeAnnotated(rs *appsv1.ReplicaSet, d *appsv1.Deployment) bool {
	desired, ok := annotatedInt(rs, desiredAnnotation)
	most, okMost := annotatedInt(rs, maxAnnotation)
	return ok && okMost && desired == replicas(d) && most == replicas(d)+maxSurge(d)
}

// cleanUp deletes the oldest empty sets beyond the history that is kept.
func (c *Controller) cleanUp(ctx context.Context, d *appsv1.Deployment, old []*appsv1.ReplicaSet) error {
	for _, rs := range surplus(d, old) {
		if err := c.Client.Delete(ctx, rs, client.Preconditions{UID: &rs.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting old replica set %s: %w", rs.Name, err)
		}
	}
	return nil
}

func surplus(d *appsv1.Deployment, old []*appsv1.ReplicaSet) []*appsv1.ReplicaSet {
	if d.Spec.RevisionHistoryLimit == nil || *d.Spec.RevisionHistoryLimit == 1<<31-1 {
		return nil
	}
	var cleanable []*appsv1.ReplicaSet
	for _, rs := range old {
		if rs.DeletionTimestamp == nil {
			cleanable = append(cleanable, rs)
		}
	}
	excess := len(cleanable) - int(max(*d.Spec.RevisionHistoryLimit, 0))
	if excess <= 0 {
		return nil
	}
	slices.SortStableFunc(cleanable, func(a, b *appsv1.ReplicaSet) int {
		return cmp.Or(cmp.Compare(revisionOf(a), revisionOf(b)), olderFirst(a, b))
	})
	return slices.DeleteFunc(cleanable[:excess], func(rs *appsv1.ReplicaSet) bool {
		return rs.Status.Replicas != 0 || setReplicas(rs) != 0 || rs.Generation > rs.Status.ObservedGeneration
	})
}
