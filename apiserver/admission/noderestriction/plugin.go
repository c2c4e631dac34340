package noderestriction

import (
	"context"
	"errors"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/node"
)

var (
	pods     = schema.GroupResource{Resource: "pods"}
	nodes    = schema.GroupResource{Resource: "nodes"}
	claims   = schema.GroupResource{Resource: "persistentvolumeclaims"}
	volumes  = schema.GroupResource{Resource: "persistentvolumes"}
	accounts = schema.GroupResource{Resource: "serviceaccounts"}
	leases   = schema.GroupResource{Group: coordinationv1.GroupName, Resource: "leases"}
	csiNodes = schema.GroupResource{Group: storagev1.GroupName, Resource: "csinodes"}
	drivers  = schema.GroupResource{Group: storagev1.GroupName, Resource: "csidrivers"}
	slicesOf = schema.GroupResource{Group: resourcev1.GroupName, Resource: "resourceslices"}
	requests = schema.GroupResource{Group: certificatesv1.GroupName, Resource: "certificatesigningrequests"}
)

// Plugin is NodeRestriction. It does nothing for users that are neither kubelets nor the nodes' name servers.
type Plugin struct {
	Lister     admission.Lister
	Authorizer authorizer.Authorizer
}

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if a.User != nil && a.User.GetName() == nameServer {
		return nameServerSlice(a)
	}
	name, isNode := node.Identity(a.User)
	if !isNode || a.Operation == admission.Connect {
		return nil
	}
	if name == "" {
		return admission.Forbidden(a, fmt.Errorf("could not determine node from user %q", a.User.GetName()))
	}
	var err error
	switch a.GroupResource() {
	case pods:
		err = p.pod(ctx, name, a)
	case nodes:
		err = p.node(name, a)
	case claims:
		err = claimStatus(name, a)
	case volumes:
		err = localVolume(name, a)
	case accounts:
		err = p.token(ctx, a)
	case leases:
		err = lease(name, a)
	case csiNodes:
		err = csiNode(name, a)
	case slicesOf:
		err = resourceSlice(name, a)
	case requests:
		err = certificateRequest(name, a)
	}
	if apierrors.IsNotFound(err) {
		return err
	}
	if err != nil {
		return admission.Forbidden(a, err)
	}
	return nil
}

func lease(name string, a *admission.Attributes) error {
	if a.Namespace != corev1.NamespaceNodeLease {
		return fmt.Errorf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
	}
	if a.ObjectName() != name {
		return errors.New("can only access node lease with the same name as the requesting node")
	}
	return nil
}

func csiNode(name string, a *admission.Attributes) error {
	if a.ObjectName() != name {
		return errors.New("can only access CSINode with the same name as the requesting node")
	}
	return nil
}

func resourceSlice(name string, a *admission.Attributes) error {
	own := func(obj any) bool {
		slice, ok := obj.(*resourcev1.ResourceSlice)
		return ok && slice.Spec.NodeName != nil && *slice.Spec.NodeName == name
	}
	switch a.Operation {
	case admission.Create:
		if !own(a.Object) {
			return errors.New("can only create ResourceSlice with the same NodeName as the requesting node")
		}
	case admission.Update:
		if !own(a.Object) || !own(a.Old) {
			return errors.New("can only update ResourceSlice with the same NodeName as the requesting node")
		}
	case admission.Delete:
		if a.Old != nil && !own(a.Old) {
			return errors.New("can only delete ResourceSlice with the same NodeName as the requesting node")
		}
	}
	return nil
}
