package folders

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/controllers/localpath"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Folders looks after the local volumes of one node.
type Folders struct {
	Client   client.Client
	Cache    cache.Cache
	Recorder record.EventRecorder
	NodeName string
	// Root is the folder that holds the volumes, an absolute path. Run makes it.
	Root string

	queue workqueue.TypedRateLimitingInterface[string]
}

// node is what the queue holds for the Node itself: no volume has that name.
const node = ""

// Run works until ctx ends.
func (f *Folders) Run(ctx context.Context) error {
	// Only the owner finds the way in: what a volume is open to is its pods' business.
	if err := os.MkdirAll(f.Root, 0o711); err != nil {
		return fmt.Errorf("making the folder of the local volumes: %w", err)
	}
	f.queue = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	stop, err := f.listen(ctx)
	defer stop()
	if err != nil {
		return err
	}
	var working sync.WaitGroup
	defer working.Wait()
	defer f.queue.ShutDown()
	working.Go(func() {
		for f.next(ctx) {
		}
	})
	<-ctx.Done()
	return nil
}

// listen puts into the queue what changes.
func (f *Folders) listen(ctx context.Context) (stop func(), err error) {
	var ends []func()
	stop = func() {
		for _, end := range ends {
			end()
		}
	}
	for _, object := range []client.Object{&corev1.Node{}, &corev1.PersistentVolume{}} {
		informer, err := f.Cache.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return stop, fmt.Errorf("getting the informer of %T: %w", object, err)
		}
		registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: f.look, UpdateFunc: func(_, o any) { f.look(o) }})
		if err != nil {
			return stop, fmt.Errorf("subscribing to %T: %w", object, err)
		}
		ends = append(ends, func() { _ = informer.RemoveEventHandler(registration) })
	}
	return stop, nil
}

func (f *Folders) look(o any) {
	switch o := o.(type) {
	case *corev1.Node:
		if o.Name == f.NodeName && o.Annotations[localpath.FolderAnnotation] != f.Root {
			f.queue.Add(node)
		}
	case *corev1.PersistentVolume:
		if f.removable(o) {
			f.queue.Add(o.Name)
		}
	}
}

func (f *Folders) removable(v *corev1.PersistentVolume) bool {
	return v.Labels[localpath.NodeLabel] == localpath.NodeValue(f.NodeName) && localpath.Removable(v) && v.Status.Reason != localpath.RemovedReason
}

func (f *Folders) next(ctx context.Context) bool {
	name, ended := f.queue.Get()
	if ended {
		return false
	}
	defer f.queue.Done(name)
	do := f.announce
	if name != node {
		do = func(ctx context.Context) error { return f.remove(ctx, name) }
	}
	err := do(ctx)
	switch {
	case err == nil, apierrors.IsNotFound(err):
		f.queue.Forget(name)
	case ctx.Err() == nil:
		if !apierrors.IsConflict(err) {
			log.FromContext(ctx).Error(err, "Local volumes need another try")
		}
		f.queue.AddRateLimited(name)
	}
	return true
}

// announce names the folder in the node's Node.
func (f *Folders) announce(ctx context.Context) error {
	n := &corev1.Node{}
	if err := f.Client.Get(ctx, client.ObjectKey{Name: f.NodeName}, n); err != nil {
		return fmt.Errorf("reading the node: %w", err)
	}
	return patch.Metadata(ctx, f.Client, n, func(n *corev1.Node) {
		if n.Annotations == nil {
			n.Annotations = map[string]string{}
		}
		n.Annotations[localpath.FolderAnnotation] = f.Root
	})
}

// remove removes the data of a volume and says so.
func (f *Folders) remove(ctx context.Context, name string) error {
	v := &corev1.PersistentVolume{}
	if err := f.Cache.Get(ctx, client.ObjectKey{Name: name}, v); err != nil {
		return fmt.Errorf("reading volume %s: %w", name, err)
	}
	if !f.removable(v) {
		return nil
	}
	if err := f.removeData(v); err != nil {
		f.Recorder.Eventf(v, corev1.EventTypeWarning, "VolumeFailedDelete", "%v", err)
		return err
	}
	log.FromContext(ctx).Info("Removed the data of a local volume", "volume", name, "path", v.Spec.Local.Path)
	return patch.StatusFields(ctx, f.Client, v, func(v *corev1.PersistentVolume) { v.Status.Reason = localpath.RemovedReason })
}

// removeData removes a volume's folder. Names inside lead nowhere out of it.
func (f *Folders) removeData(v *corev1.PersistentVolume) error {
	name := localpath.FolderName(f.Root, v)
	if name == "" {
		return fmt.Errorf("deleting volume %s: %s is not below %s", v.Name, v.Spec.Local.Path, f.Root)
	}
	root, err := os.OpenRoot(f.Root)
	if err != nil {
		return fmt.Errorf("deleting volume %s: %w", v.Name, err)
	}
	if err := errors.Join(root.RemoveAll(name), root.Close()); err != nil {
		return fmt.Errorf("deleting volume %s: %w", v.Name, err)
	}
	return nil
}
