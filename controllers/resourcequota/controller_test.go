package resourcequota

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// What admission charges must not be counted again: the object that it charged for may not be stored yet, and the count
// would let in one too many.
func TestChargesAreNotCountedAgain(t *testing.T) {
	pods := func(n string) corev1.ResourceList { return corev1.ResourceList{"pods": resource.MustParse(n)} }
	quota := func(spec, hard, used string) *corev1.ResourceQuota {
		return &corev1.ResourceQuota{
			Spec:   corev1.ResourceQuotaSpec{Hard: pods(spec)},
			Status: corev1.ResourceQuotaStatus{Hard: pods(hard), Used: pods(used)},
		}
	}
	for why, test := range map[string]struct {
		before, after *corev1.ResourceQuota
		want          bool
	}{
		"charged":      {quota("2", "2", "0"), quota("2", "2", "1"), false},
		"allows more":  {quota("2", "2", "1"), quota("3", "2", "1"), true},
		"not yet done": {quota("3", "2", "1"), quota("3", "2", "2"), true},
	} {
		if got := allowsOther.Update(event.UpdateEvent{ObjectOld: test.before, ObjectNew: test.after}); got != test.want {
			t.Errorf("%s: counts %t, want %t", why, got, test.want)
		}
	}
	if !allowsOther.Create(event.CreateEvent{Object: quota("2", "0", "0")}) {
		t.Error("a new quota is not counted")
	}
}

// api serves a kind, or does not.
type api struct {
	client.Reader
	gone bool
}

func (a *api) List(context.Context, client.ObjectList, ...client.ListOption) error {
	if a.gone {
		return apierrors.NewNotFound(schema.GroupResource{}, "")
	}
	return nil
}

// informers has the one of that kind.
type informers struct {
	cache.Cache
	one *informer
}

func (i informers) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	i.one.stopped = false
	return i.one, nil
}

type informer struct {
	cache.Informer
	stopped bool
}

func (i *informer) IsStopped() bool { return i.stopped }

// listener counts how often it is told to listen.
type listener struct {
	controller.Controller
	times int
}

func (l *listener) Watch(source.TypedSource[reconcile.Request]) error {
	l.times++
	return nil
}

// Each time that a definition went and came back its informer had one listener more, if nobody had ended it meanwhile.
func TestAKindThatComesBackIsListenedToOnce(t *testing.T) {
	kind, tells, listens := &api{}, &informer{}, &listener{}
	c := &Controller{Live: kind, Cache: informers{one: tells}, controller: listens, watched: map[string]cache.Informer{}}
	mapping := &meta.RESTMapping{GroupVersionKind: schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Thing"}, Scope: meta.RESTScopeNamespace}
	look := func(why string, want int) {
		t.Helper()
		if _, err := c.countObjects(t.Context(), "default", "things.example.com", mapping, corev1.ResourceList{}); err != nil || listens.times != want {
			t.Errorf("%s: %d listeners, want %d; %v", why, listens.times, want, err)
		}
	}
	look("served", 1)
	kind.gone = true
	look("gone", 1)
	kind.gone = false
	look("back", 1)
	tells.stopped = true
	look("its informer was ended", 2)
}
