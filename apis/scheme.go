// Package apis lists every resource that is served, group by group. Each group is a folder beside this
// file with one file per resource; package resource is the vocabulary in which they are described.
//
// It reads and writes nothing, holds no state, and knows no resource that comes from a
// CustomResourceDefinition or an APIService: those are added by the API server while it runs.
package apis

import (
	"context"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/admissionregistration"
	"github.com/coxswain-k8s/coxswain/apis/apiextensions"
	"github.com/coxswain-k8s/coxswain/apis/apiregistration"
	"github.com/coxswain-k8s/coxswain/apis/apps"
	"github.com/coxswain-k8s/coxswain/apis/authentication"
	"github.com/coxswain-k8s/coxswain/apis/authorization"
	"github.com/coxswain-k8s/coxswain/apis/autoscaling"
	"github.com/coxswain-k8s/coxswain/apis/batch"
	"github.com/coxswain-k8s/coxswain/apis/certificates"
	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/coordination"
	"github.com/coxswain-k8s/coxswain/apis/core"
	"github.com/coxswain-k8s/coxswain/apis/discovery"
	"github.com/coxswain-k8s/coxswain/apis/dra"
	"github.com/coxswain-k8s/coxswain/apis/events"
	"github.com/coxswain-k8s/coxswain/apis/flowcontrol"
	"github.com/coxswain-k8s/coxswain/apis/metrics"
	"github.com/coxswain-k8s/coxswain/apis/networking"
	"github.com/coxswain-k8s/coxswain/apis/node"
	"github.com/coxswain-k8s/coxswain/apis/policy"
	"github.com/coxswain-k8s/coxswain/apis/rbac"
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apis/scheduling"
	"github.com/coxswain-k8s/coxswain/apis/storage"
	"github.com/coxswain-k8s/coxswain/apis/storagemigration"
)

// All lists the resources of every group, the groups in the order in which discovery shows them. Each
// call makes new rows.
func All() []*resource.Resource {
	rows := core.Resources()
	stored := resource.Find(rows, "", "events")
	for _, group := range [][]*resource.Resource{
		apiregistration.Resources(),
		apps.Resources(),
		events.Resources(stored),
		authentication.Resources(),
		authorization.Resources(),
		autoscaling.Resources(),
		batch.Resources(),
		certificates.Resources(),
		networking.Resources(),
		policy.Resources(),
		rbac.Resources(),
		storage.Resources(),
		admissionregistration.Resources(),
		apiextensions.Resources(),
		scheduling.Resources(),
		coordination.Resources(),
		node.Resources(),
		discovery.Resources(),
		dra.Resources(),
		flowcontrol.Resources(),
		metrics.Resources(),
	} {
		rows = append(rows, group...)
	}
	for _, row := range rows {
		dropGated(row)
		if row.Group != apiextensionsv1.GroupName { // whose own finalizer has no prefix
			checkFinalizers(row)
		}
	}
	return rows
}

// checkFinalizers adds to the checks of a row that of its finalizers, which is alike for all but definitions.
func checkFinalizers(row *resource.Resource) {
	create, update := row.Validate, row.ValidateUpdate
	row.Validate = func(ctx context.Context, obj resource.Object) field.ErrorList {
		errs := check.Finalizers(obj)
		if create != nil {
			errs = append(errs, create(ctx, obj)...)
		}
		return errs
	}
	if row.AnyFinalizers {
		return
	}
	row.ValidateUpdate = func(ctx context.Context, obj, old resource.Object) field.ErrorList {
		errs := check.Finalizers(obj)
		if update != nil {
			errs = append(errs, update(ctx, obj, old)...)
		}
		return errs
	}
}

// OnRequest lists the resources that are served only when they are asked for.
func OnRequest() []*resource.Resource { return storagemigration.Resources() }

// NewScheme makes a scheme of all types that are served: resources, their lists, the bodies of their
// subresources, and the options and Status of metav1 in each group version.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	known := map[schema.GroupVersion]bool{}
	for _, row := range append(All(), OnRequest()...) {
		for _, v := range row.Versions {
			gv := schema.GroupVersion{Group: row.Group, Version: v.Name}
			if !known[gv] { // a body of another group's subresource may have come first
				known[gv] = true
				metav1.AddToGroupVersion(scheme, gv)
			}
			scheme.AddKnownTypeWithName(gv.WithKind(row.Kind), v.New())
			if v.NewList != nil {
				scheme.AddKnownTypeWithName(gv.WithKind(row.Kind+"List"), v.NewList())
			}
			addBodies(scheme, gv, row)
		}
	}
	scheme.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.NodeProxyOptions{}, &corev1.PodProxyOptions{}, &corev1.ServiceProxyOptions{})
	scheme.AddKnownTypes(autoscalingv1.SchemeGroupVersion, &autoscalingv1.Scale{})
	utilruntime.Must(scheme.SetVersionPriority(autoscalingv2.SchemeGroupVersion, autoscalingv1.SchemeGroupVersion))
	utilruntime.Must(metav1.AddMetaToScheme(scheme))
	return scheme
}

// addBodies registers what the subresources of a row are sent.
func addBodies(scheme *runtime.Scheme, gv schema.GroupVersion, row *resource.Resource) {
	for _, sub := range row.Subresources {
		if sub.New == nil {
			continue
		}
		if group := sub.GroupVersionKind.GroupVersion(); !group.Empty() {
			gv = group
		}
		scheme.AddKnownTypes(gv, sub.New())
	}
}
