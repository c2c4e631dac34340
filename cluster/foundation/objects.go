package foundation

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	bootstrap "k8s.io/cluster-bootstrap/token/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/cluster/credentials"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/controllers/legacytokencleaner"
	"github.com/coxswain-k8s/coxswain/controllers/localpath"
	"github.com/coxswain-k8s/coxswain/network/dns"
)

// Objects are what one cluster stands on, written by way of the parts of its control plane.
type Objects struct {
	Options      *options.Options
	Certificates *credentials.Certificates
	Server       *apiserver.Server
	Store        storage.Store
	Cache        *cache.Cache
	// Own are further objects of this server, made where they are not there.
	Own []client.Object
}

// Ensure writes what a cluster starts with, and what depends on this cluster's addresses and keys: what is missing at once, and the
// rest, where it is behind, as any client would. It returns what was there of all these: nothing where the cluster is new.
func (o *Objects) Ensure(ctx context.Context, writer client.Client) (there []client.Object, err error) {
	own, err := o.ownObjects()
	if err != nil {
		return nil, err
	}
	own = append(own, o.Own...)
	shared := o.sharedConfig()
	if o.Options.Enabled(options.Controllers) && o.Options.Enabled(options.LocalStorage) {
		stored, _, err := o.cached(ctx, shared)
		switch {
		case err != nil:
			return nil, err
		case stored == nil: // a new cluster
			shared.SetAnnotations(map[string]string{storageClassMade: "true"})
			own = append(own, localpath.Class())
		default:
			err = ensureStorageClass(ctx, writer, shared)
		}
		if err != nil {
			return nil, fmt.Errorf("writing the default storage class: %w", err)
		}
	}
	if o.invites() || o.Options.Enabled(options.LocalStorage) {
		own = append(own, shared)
	}
	there, err = o.bootstrap(ctx, own)
	if err != nil {
		return nil, fmt.Errorf("writing bootstrap objects: %w", err)
	}
	for _, object := range there {
		if err := ensure(ctx, writer, object); err != nil {
			return nil, fmt.Errorf("writing %T %s: %w", object, object.GetName(), err)
		}
	}
	if !slices.ContainsFunc(there, isServiceCIDR) {
		return there, nil
	}
	if err := o.ensureReady(ctx, writer); err != nil {
		return nil, fmt.Errorf("saying that the network of the Services is ready: %w", err)
	}
	return there, nil
}

// ownObjects depend on this cluster's addresses and keys: the kubernetes Service with its endpoints, the Service of the nodes' name servers,
// the CA by which extension API servers know us, and the API server's access to kubelets. A loopback address, all that a machine without a
// network has, is no endpoint that a pod could reach: then the Service stays without.
func (o *Objects) ownObjects() ([]client.Object, error) {
	authentication, err := o.authenticationConfig()
	if err != nil {
		return nil, err
	}
	objects := []client.Object{o.kubernetesService(), o.serviceCIDR(), authentication, kubeletAdminBinding(), tokenTracking()}
	if o.invites() {
		objects = append(objects, o.joinSecret(), o.clusterInfo())
	}
	if Migrates(o.Options) {
		objects = append(objects, o.migrationObjects()...)
	}
	if ip, err := netip.ParseAddr(o.Options.AdvertiseAddress); err == nil && !ip.IsLoopback() {
		objects = append(objects, o.kubernetesEndpoints(), o.kubernetesSlice())
	}
	if !slices.Contains(o.Options.Disable, options.DNS) {
		objects = append(objects, dns.Service([]netip.Addr{netip.MustParseAddr(o.Options.ClusterDNS)}))
	}
	return objects, nil
}

// storageClassMade marks the ConfigMap that all nodes share when the cluster has been given its default storage class.
const storageClassMade = "coxswain.io/storage-class-made"

// ensureStorageClass makes the default storage class, once in the life of a cluster: what becomes of it then is its users' business, also that it
// is deleted. The mark is on the ConfigMap shared, which a new cluster does not have yet.
func ensureStorageClass(ctx context.Context, writer client.Client, shared client.Object) error {
	stored := &corev1.ConfigMap{}
	found := writer.Get(ctx, client.ObjectKeyFromObject(shared), stored)
	if client.IgnoreNotFound(found) != nil || stored.Annotations[storageClassMade] != "" {
		return client.IgnoreNotFound(found)
	}
	if err := ensure(ctx, writer, localpath.Class()); err != nil {
		return err
	}
	if apierrors.IsNotFound(found) {
		shared.SetAnnotations(map[string]string{storageClassMade: "true"})
		return nil
	}
	metav1.SetMetaDataAnnotation(&stored.ObjectMeta, storageClassMade, "true")
	return writer.Update(ctx, stored)
}

// ensure creates an object, or brings what it says up to date in the one that exists. Another server may do the same at the same time.
func ensure(ctx context.Context, writer client.Client, wanted client.Object) (err error) {
	for range 10 {
		fresh, ok := wanted.DeepCopyObject().(client.Object)
		if !ok {
			return fmt.Errorf("%T is not an object", wanted)
		}
		if err = ensureOnce(ctx, writer, fresh); !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return err
}

func ensureOnce(ctx context.Context, writer client.Client, wanted client.Object) error {
	stored, ok := wanted.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%T is not an object", wanted)
	}
	if err := writer.Get(ctx, client.ObjectKeyFromObject(wanted), stored); apierrors.IsNotFound(err) {
		return writer.Create(ctx, wanted)
	} else if err != nil {
		return err
	}
	changed, ok := stored.DeepCopyObject().(client.Object)
	if !ok || !adopt(changed, wanted) || equality.Semantic.DeepEqual(stored, changed) {
		return nil
	}
	return writer.Update(ctx, changed)
}

// adopt copies what this package says about a kind of object; others, such as a Service, stay as they were made.
func adopt(to, from client.Object) bool {
	switch to := to.(type) {
	case *corev1.Endpoints:
		to.Subsets = from.(*corev1.Endpoints).Subsets
	case *discoveryv1.EndpointSlice:
		to.Endpoints, to.Ports = from.(*discoveryv1.EndpointSlice).Endpoints, from.(*discoveryv1.EndpointSlice).Ports
	case *corev1.ConfigMap:
		adoptData(to, from.(*corev1.ConfigMap).Data)
	case *corev1.Secret:
		to.Data = from.(*corev1.Secret).Data
	default:
		return false
	}
	return true
}

// adoptData leaves the signatures of cluster-info to their controller, and the day since when uses of tokens are noted as it is.
func adoptData(to *corev1.ConfigMap, data map[string]string) {
	if to.Name == legacytokencleaner.Tracking && legacytokencleaner.Since(to) != nil {
		return
	}
	if to.Name != bootstrap.ConfigMapClusterInfo || to.Data == nil {
		to.Data = data
		return
	}
	maps.Copy(to.Data, data)
}

func (o *Objects) kubernetesService() client.Object {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes", Labels: map[string]string{"component": "apiserver", "provider": "kubernetes"}},
		Spec: corev1.ServiceSpec{
			ClusterIP: o.Options.ServiceIP(1), Type: corev1.ServiceTypeClusterIP, SessionAffinity: corev1.ServiceAffinityNone,
			Ports: []corev1.ServicePort{{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt(o.Options.HTTPSListenPort)}},
		},
	}
}

// serviceCIDR shows the network of the Services as an object. Its name is upstream's.
func (o *Objects) serviceCIDR() client.Object {
	return &networkingv1.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{o.Options.ServiceCIDR}},
	}
}

// serviceCIDROwner owns what is said of the network of the Services. It is upstream's.
const serviceCIDROwner = "kubernetes-service-cidr-controller"

func readyCondition(since metav1.Time) metav1.Condition {
	return metav1.Condition{
		Type: networkingv1.ServiceCIDRConditionReady, Status: metav1.ConditionTrue, LastTransitionTime: since, Message: "Kubernetes default Service CIDR is ready",
	}
}

// isServiceCIDR finds it among what was there: a new one is ready.
func isServiceCIDR(object client.Object) bool {
	_, ok := object.(*networkingv1.ServiceCIDR)
	return ok
}

// ensureReady says that the network of the Services is ready where nobody has said anything of it: in the data of a server that left this to controllers.
func (o *Objects) ensureReady(ctx context.Context, writer client.Client) error {
	stored := &networkingv1.ServiceCIDR{}
	if err := writer.Get(ctx, client.ObjectKeyFromObject(o.serviceCIDR()), stored); err != nil {
		return client.IgnoreNotFound(err)
	}
	said := meta.FindStatusCondition(stored.Status.Conditions, networkingv1.ServiceCIDRConditionReady) != nil
	if said || stored.DeletionTimestamp != nil || !slices.Equal(stored.Spec.CIDRs, []string{o.Options.ServiceCIDR}) {
		return nil
	}
	stored.Status.Conditions = append(stored.Status.Conditions, readyCondition(metav1.Now()))
	err := writer.Status().Update(ctx, stored, client.FieldOwner(serviceCIDROwner))
	if apierrors.IsConflict(err) {
		return nil // another server says the same
	}
	return err
}

// finish adds to a new object what upstream's server writes into it a moment later: the network of the Services is ready from the
// start, whether or not there are controllers that look after others.
func finish(object resource.Object) {
	cidr, ok := object.(*networkingv1.ServiceCIDR)
	if !ok {
		return
	}
	since := cidr.CreationTimestamp
	cidr.Status.Conditions = []metav1.Condition{readyCondition(since)}
	const owned = `{"f:status":{"f:conditions":{"k:{\"type\":\"Ready\"}":{".":{},"f:lastTransitionTime":{},"f:message":{},"f:status":{},"f:type":{}}}}}`
	cidr.ManagedFields = append([]metav1.ManagedFieldsEntry{{
		Manager: serviceCIDROwner, Operation: metav1.ManagedFieldsOperationApply, APIVersion: networkingv1.SchemeGroupVersion.String(),
		Time: &since, FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: []byte(owned)}, Subresource: "status",
	}}, cidr.ManagedFields...)
}

func (o *Objects) kubernetesEndpoints() client.Object {
	return &corev1.Endpoints{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes", Labels: map[string]string{discoveryv1.LabelSkipMirror: "true"}},
		Subsets: []corev1.EndpointSubset{{
			Addresses: []corev1.EndpointAddress{{IP: o.Options.AdvertiseAddress}},
			Ports:     []corev1.EndpointPort{{Name: "https", Port: int32(o.Options.HTTPSListenPort), Protocol: corev1.ProtocolTCP}},
		}},
	}
}

func (o *Objects) kubernetesSlice() client.Object {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: "kubernetes", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{o.Options.AdvertiseAddress}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)}}},
		Ports: []discoveryv1.EndpointPort{{
			Name: ptr.To("https"), Port: ptr.To(int32(o.Options.HTTPSListenPort)), Protocol: ptr.To(corev1.ProtocolTCP),
		}},
	}
}

func kubeletAdminBinding() client.Object {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "coxswain:apiserver-kubelet-client"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:kubelet-api-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: identity.KubeletClient}},
	}
}

// tokenTracking says since when the uses of tokens in Secrets are noted: what was not used since then, nobody needs.
func tokenTracking() client.Object {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: legacytokencleaner.Tracking},
		Data:       map[string]string{"since": time.Now().UTC().Format(time.DateOnly)},
	}
}
