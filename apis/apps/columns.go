package apps

import (
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func deploymentCells(d *appsv1.Deployment, now time.Time) []any {
	return []any{
		d.Name,
		fmt.Sprintf("%d/%d", d.Status.ReadyReplicas, ptr.Deref(d.Spec.Replicas, 0)),
		int64(d.Status.UpdatedReplicas),
		int64(d.Status.AvailableReplicas),
		resource.AgeOf(d, now),
		podspec.Containers(&d.Spec.Template.Spec),
		podspec.Images(&d.Spec.Template.Spec),
		metav1.FormatLabelSelector(d.Spec.Selector),
	}
}

func replicaSetCells(r *appsv1.ReplicaSet, now time.Time) []any {
	return []any{
		r.Name,
		int64(ptr.Deref(r.Spec.Replicas, 0)),
		int64(r.Status.Replicas),
		int64(r.Status.ReadyReplicas),
		resource.AgeOf(r, now),
		podspec.Containers(&r.Spec.Template.Spec),
		podspec.Images(&r.Spec.Template.Spec),
		metav1.FormatLabelSelector(r.Spec.Selector),
	}
}

func daemonSetCells(d *appsv1.DaemonSet, now time.Time) []any {
	return []any{
		d.Name,
		int64(d.Status.DesiredNumberScheduled),
		int64(d.Status.CurrentNumberScheduled),
		int64(d.Status.NumberReady),
		int64(d.Status.UpdatedNumberScheduled),
		int64(d.Status.NumberAvailable),
		labels.FormatLabels(d.Spec.Template.Spec.NodeSelector),
		resource.AgeOf(d, now),
		podspec.Containers(&d.Spec.Template.Spec),
		podspec.Images(&d.Spec.Template.Spec),
		metav1.FormatLabelSelector(d.Spec.Selector),
	}
}

func statefulSetCells(s *appsv1.StatefulSet, now time.Time) []any {
	return []any{
		s.Name,
		fmt.Sprintf("%d/%d", s.Status.ReadyReplicas, ptr.Deref(s.Spec.Replicas, 0)),
		resource.AgeOf(s, now),
		podspec.Containers(&s.Spec.Template.Spec),
		podspec.Images(&s.Spec.Template.Spec),
	}
}

func controllerRevisionCells(r *appsv1.ControllerRevision, now time.Time) []any {
	owner := resource.None
	if ref := metav1.GetControllerOf(r); ref != nil {
		gvk := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind)
		owner = strings.ToLower(gvk.GroupKind().String()) + "/" + ref.Name
	}
	return []any{r.Name, owner, r.Revision, resource.AgeOf(r, now)}
}
