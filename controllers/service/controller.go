package service

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	cloudprovider "k8s.io/cloud-provider"
	cloudapi "k8s.io/cloud-provider/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "service"

// finalizer of a Service that has, or may have, a load balancer.
const finalizer = "service.kubernetes.io/load-balancer-cleanup"

// Controller reconciles the load balancers of Services.
type Controller struct {
	Client      client.Client
	Recorder    record.EventRecorder
	Provider    cloudprovider.LoadBalancer
	ClusterName string

	metrics *metrics

	count atomic.Int64 // of the nodes that traffic may go to
	mu    sync.Mutex
	asked map[types.NamespacedName]asked
}

// asked is what the provider was asked for last.
type asked struct {
	uid     types.UID
	service wish
	hosts   []string
	refused string // why it did not do it, if it says itself when to ask again
}

// Reconcile has the provider do what the Service asks for.
func (c *Controller) Reconcile(ctx context.Context, service *corev1.Service) (reconcile.Result, error) {
	var err error
	switch {
	case wanted(service):
		err = c.ensure(ctx, service)
	case slices.Contains(service.Finalizers, finalizer) && c.owns(service):
		err = c.remove(ctx, service)
	default:
		c.forget(service)
		return reconcile.Result{}, nil
	}
	if err == nil || client.IgnoreNotFound(err) == nil {
		return reconcile.Result{}, nil
	}
	var busy *cloudapi.RetryError
	if errors.As(err, &busy) {
		c.Recorder.Eventf(service, corev1.EventTypeWarning, "SyncLoadBalancerFailed", "Error syncing load balancer: %v", err)
		return reconcile.Result{RequeueAfter: busy.RetryAfter()}, nil
	}
	result, err := patch.Result(reconcile.Result{}, err)
	if err != nil {
		c.Recorder.Eventf(service, corev1.EventTypeWarning, "SyncLoadBalancerFailed", "Error syncing load balancer: %v", err)
	}
	if no := (refusal{}); errors.As(err, &no) && c.follows() {
		err = reconcile.TerminalError(err) // what it lacks wakes the Service when it is there
	}
	return result, err
}

// refusal is what a provider says that does not make a load balancer.
type refusal struct{ error }

// Unwrap lets the provider's own errors be found.
func (r refusal) Unwrap() error { return r.error }

// wanted says whether a Service is to have a load balancer of this controller's.
func wanted(service *corev1.Service) bool {
	return service.Spec.Type == corev1.ServiceTypeLoadBalancer && service.Spec.LoadBalancerClass == nil && service.DeletionTimestamp == nil
}

// owns says whether the load balancer of a Service that has the finalizer is this controller's: others who serve a class use the same one.
func (c *Controller) owns(service *corev1.Service) bool {
	return service.Spec.LoadBalancerClass == nil || c.last(service).uid == service.UID
}

// ensure brings the load balancer up to date. What was asked for already is not asked again.
func (c *Controller) ensure(ctx context.Context, service *corev1.Service) error {
	nodes, err := c.hosts(ctx)
	if err != nil {
		return err
	}
	now := asked{uid: service.UID, service: wishOf(service), hosts: names(nodes)}
	last := c.last(service)
	same := last.uid == now.uid && reflect.DeepEqual(last.service, now.service)
	switch {
	case same && c.follows():
		err = c.make(ctx, service, nodes, true)
	case same && slices.Equal(last.hosts, now.hosts):
		return nil
	case same:
		err = c.update(ctx, service, nodes)
	default:
		err = c.make(ctx, service, nodes, false)
	}
	no := refusal{}
	switch {
	case err == nil:
	case errors.As(err, &no) && c.follows():
		now.refused = err.Error()
	case apierrors.IsConflict(err):
		return err // it is only what was read that is old
	default:
		c.forget(service)
		return err
	}
	c.remember(service, now)
	if same && last.refused == now.refused {
		return nil // nobody is told twice
	}
	return err
}

// follower is a provider whose load balancers change with nodes and endpoints. To ask it costs nothing; it changes nothing of nodes.
type follower interface{ FollowsEndpoints() bool }

func (c *Controller) follows() bool {
	f, ok := c.Provider.(follower)
	return ok && f.FollowsEndpoints()
}

// make has the load balancer made or changed. quiet tells only of what has come of it.
func (c *Controller) make(ctx context.Context, service *corev1.Service, nodes []*corev1.Node, quiet bool) error {
	current, err := c.change(ctx, service, func(s *corev1.Service) {
		if !slices.Contains(s.Finalizers, finalizer) {
			s.Finalizers = append(s.Finalizers, finalizer)
		}
	})
	if err != nil {
		return fmt.Errorf("failed to add load balancer cleanup finalizer: %w", err)
	}
	if !quiet {
		c.metrics.configured()
		c.Recorder.Event(service, corev1.EventTypeNormal, "EnsuringLoadBalancer", "Ensuring load balancer")
	}
	if len(nodes) == 0 && !quiet {
		c.Recorder.Event(service, corev1.EventTypeWarning, "UnAvailableLoadBalancer", "There are no available nodes for LoadBalancer")
	}
	if !c.follows() {
		nodes = copies(nodes)
	}
	status, err := c.Provider.EnsureLoadBalancer(ctx, c.ClusterName, current.DeepCopy(), nodes)
	if errors.Is(err, cloudprovider.ImplementedElsewhere) {
		return nil
	}
	if err != nil {
		return refusal{fmt.Errorf("failed to ensure load balancer: %w", err)}
	}
	if status == nil {
		return errors.New("service status returned by EnsureLoadBalancer is nil")
	}
	if err := c.setStatus(ctx, current, status); err != nil {
		return err
	}
	switch {
	case !quiet:
		c.Recorder.Event(service, corev1.EventTypeNormal, "EnsuredLoadBalancer", "Ensured load balancer")
	case !equality.Semantic.DeepEqual(&service.Status.LoadBalancer, status):
		c.Recorder.Event(service, corev1.EventTypeNormal, "UpdatedLoadBalancer", "Updated load balancer with new hosts")
	}
	return nil
}

// update tells the load balancer of other nodes.
func (c *Controller) update(ctx context.Context, service *corev1.Service, nodes []*corev1.Node) error {
	err := c.metrics.update(func() error {
		return c.Provider.UpdateLoadBalancer(ctx, c.ClusterName, service.DeepCopy(), copies(nodes))
	})
	switch {
	case errors.Is(err, cloudprovider.ImplementedElsewhere):
		return nil
	case err != nil:
		c.Recorder.Eventf(service, corev1.EventTypeWarning, "UpdateLoadBalancerFailed", "Error updating load balancer with new hosts %v: %v", plain(nodes), err)
		return fmt.Errorf("updating load balancer: %w", err)
	case len(nodes) == 0:
		c.Recorder.Event(service, corev1.EventTypeWarning, "UnAvailableLoadBalancer", "There are no available nodes for LoadBalancer")
	default:
		c.Recorder.Event(service, corev1.EventTypeNormal, "UpdatedLoadBalancer", "Updated load balancer with new hosts")
	}
	return nil
}

// remove has the load balancer removed, and lets the Service go.
func (c *Controller) remove(ctx context.Context, service *corev1.Service) error {
	c.remember(service, asked{uid: service.UID}) // whose it is, and no more
	c.Recorder.Event(service, corev1.EventTypeNormal, "DeletingLoadBalancer", "Deleting load balancer")
	if err := c.Provider.EnsureLoadBalancerDeleted(ctx, c.ClusterName, service.DeepCopy()); err != nil {
		return fmt.Errorf("failed to delete load balancer: %w", err)
	}
	_, err := c.change(ctx, service, func(s *corev1.Service) {
		s.Finalizers = slices.DeleteFunc(s.Finalizers, func(f string) bool { return f == finalizer })
		s.Status.LoadBalancer = corev1.LoadBalancerStatus{}
	})
	if err != nil {
		return fmt.Errorf("failed to remove load balancer cleanup finalizer: %w", err)
	}
	c.forget(service)
	c.Recorder.Event(service, corev1.EventTypeNormal, "DeletedLoadBalancer", "Deleted load balancer")
	return nil
}

func (c *Controller) setStatus(ctx context.Context, service *corev1.Service, status *corev1.LoadBalancerStatus) error {
	_, err := c.change(ctx, service, func(s *corev1.Service) { s.Status.LoadBalancer = *status.DeepCopy() })
	if err != nil {
		return fmt.Errorf("failed to update load balancer status: %w", err)
	}
	return nil
}

// change sends what mutate changes in metadata and status as a patch of the status, and returns the Service as it is then.
func (c *Controller) change(ctx context.Context, service *corev1.Service, mutate func(*corev1.Service)) (*corev1.Service, error) {
	changed := service.DeepCopy()
	mutate(changed)
	if equality.Semantic.DeepEqual(service, changed) {
		return service, nil
	}
	diff := client.StrategicMergeFrom(service, client.MergeFromWithOptimisticLock{})
	return changed, c.Client.Status().Patch(ctx, changed, diff)
}

func (c *Controller) last(service *corev1.Service) asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[client.ObjectKeyFromObject(service)]
}

func (c *Controller) remember(service *corev1.Service, what asked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == nil {
		c.asked = map[types.NamespacedName]asked{}
	}
	c.asked[client.ObjectKeyFromObject(service)] = what
}

func (c *Controller) forget(service client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.asked, client.ObjectKeyFromObject(service))
}
