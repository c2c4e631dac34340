package flowcontrol

import (
	"context"
	"testing"
	"testing/synctest"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apischema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/config/bootstrap"
)

// view has what a cluster begins with, and counts how often somebody goes through its levels. Schemas change by changes.
type view struct {
	objects map[apischema.GroupResource][]resource.Object
	changes chan resource.Object
	looks   int
}

func newView() *view {
	v := &view{objects: map[apischema.GroupResource][]resource.Object{}, changes: make(chan resource.Object)}
	for _, object := range bootstrap.FlowControl() {
		stored := object.DeepCopyObject().(resource.Object)
		stored.SetResourceVersion("1")
		of := levelsResource
		if _, ok := stored.(*flowcontrolv1.FlowSchema); ok {
			of = schemasResource
		}
		v.objects[of] = append(v.objects[of], stored)
	}
	return v
}

func (v *view) Get(of apischema.GroupResource, _, name string) (resource.Object, bool) {
	for _, object := range v.objects[of] {
		if object.GetName() == name {
			return object, true
		}
	}
	return nil, false
}

func (v *view) Each(of apischema.GroupResource, _ string, visit func(resource.Object) bool) {
	if of == levelsResource {
		v.looks++
	}
	for _, object := range v.objects[of] {
		if !visit(object) {
			return
		}
	}
}

func (v *view) Changed(of apischema.GroupResource) int64 {
	changed := int64(0)
	for _, object := range v.objects[of] {
		changed += int64(len(object.GetResourceVersion()))
	}
	return changed
}

func (v *view) Sync(context.Context) error { return nil }

func (v *view) Follow(ctx context.Context, of apischema.GroupResource, deliver func(resource.Object, bool)) error {
	for _, object := range v.objects[of] {
		deliver(object, false)
	}
	for of == schemasResource {
		select {
		case changed := <-v.changes:
			deliver(changed, false)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// What there is at the start is looked at once, though of each object is told, and then what is another than it was.
func TestWhatIsKnownIsNotLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newView()
		r := &Reconciler{Controller: &Controller{Seats: 600, Clock: clock.RealClock{}}, View: v, Clock: clock.RealClock{}}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		defer func() { end(); <-ended }()
		synctest.Wait()
		once := v.looks
		if once == 0 {
			t.Fatal("nothing was looked at")
		}
		first := v.objects[schemasResource][0]
		v.changes <- first
		synctest.Wait()
		if v.looks != once {
			t.Errorf("looked %d times, not %d", v.looks, once)
		}
		first = first.DeepCopyObject().(resource.Object)
		first.SetResourceVersion("10")
		v.objects[schemasResource][0] = first
		v.changes <- first
		synctest.Wait()
		if v.looks != 2*once {
			t.Errorf("looked %d times after a change, not %d", v.looks, 2*once)
		}
	})
}
