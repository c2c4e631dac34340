package flowcontrol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/go-logr/logr"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apischema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/config/bootstrap"
)

const (
	// autoUpdate says "true" on what follows the suggestions, and "false" on what is the operator's own.
	autoUpdate = "apf.kubernetes.io/autoupdate-spec"
	// The names under which fields are owned, upstream's.
	producer = "api-priority-and-fairness-config-producer-v1"
	consumer = "api-priority-and-fairness-config-consumer-v1"
	// retryAfter is when a write that failed is tried again, and the least time between two corrections of the same object.
	retryAfter = 10 * time.Second
)

var (
	schemasResource = apischema.GroupResource{Group: flowcontrolv1.GroupName, Resource: "flowschemas"}
	levelsResource  = apischema.GroupResource{Group: flowcontrolv1.GroupName, Resource: "prioritylevelconfigurations"}
)

// Follower delivers every object of a resource and each change, until ctx ends.
type Follower interface {
	auth.Lister
	Follow(ctx context.Context, of apischema.GroupResource, deliver func(obj resource.Object, deleted bool)) error
}

// Reconciler keeps a Controller at what the cluster's objects say, and the objects at what every cluster has. It sleeps until one of
// them changes.
type Reconciler struct {
	Controller *Controller
	View       Follower
	Client     client.Client
	Clock      clock.WithDelayedExecution

	changed chan struct{}
	looked  version              // of what the last look saw
	last    map[string]time.Time // when each object was written
}

// version is of the schemas and the levels.
type version struct{ schemas, levels int64 }

// never is the version of no objects.
var never = version{-1, -1}

// Run returns when ctx ends.
func (r *Reconciler) Run(ctx context.Context) error {
	r.changed, r.last, r.looked = make(chan struct{}, 1), map[string]time.Time{}, never
	failed := make(chan error, 2)
	for _, of := range []apischema.GroupResource{schemasResource, levelsResource} {
		go func() { failed <- r.View.Follow(ctx, of, func(resource.Object, bool) { r.wake() }) }()
	}
	for {
		select {
		case <-r.changed:
			now := version{r.View.Changed(schemasResource), r.View.Changed(levelsResource)}
			if now == r.looked { // at the start one look sees all of which is told
				continue
			}
			r.looked = now
			r.Configure()
			if err := r.write(ctx); err != nil && ctx.Err() == nil {
				logr.FromContextOrDiscard(ctx).Info("Bringing the objects of flow control up to date failed", "error", err.Error())
				r.later(retryAfter)
			}
		case err := <-failed:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("following the objects of flow control: %w", err)
		}
	}
}

// later has it look again, whether or not anything changes until then.
func (r *Reconciler) later(after time.Duration) {
	r.looked = never
	r.Clock.AfterFunc(after, r.wake)
}

func (r *Reconciler) wake() {
	select {
	case r.changed <- struct{}{}:
	default: // it will look anyway
	}
}

// Configure gives the controller what the view has.
func (r *Reconciler) Configure() {
	r.Controller.Configure(
		auth.List[*flowcontrolv1.FlowSchema](r.View, schemasResource, ""),
		auth.List[*flowcontrolv1.PriorityLevelConfiguration](r.View, levelsResource, ""),
	)
}

// write corrects what is not as it should be: first the objects, then what is said of them.
func (r *Reconciler) write(ctx context.Context) error {
	var errs []error
	suggested := map[string]bool{}
	for _, wanted := range bootstrap.FlowControl() {
		suggested[key(wanted)] = true
		errs = append(errs, r.ensure(ctx, wanted))
	}
	for _, s := range auth.List[*flowcontrolv1.FlowSchema](r.View, schemasResource, "") {
		if s.Annotations[autoUpdate] == "true" && !suggested[key(s)] {
			errs = append(errs, r.remove(ctx, s)) // was suggested once
			continue
		}
		errs = append(errs, r.report(ctx, s))
	}
	for _, l := range auth.List[*flowcontrolv1.PriorityLevelConfiguration](r.View, levelsResource, "") {
		if l.Annotations[autoUpdate] == "true" && !suggested[key(l)] {
			errs = append(errs, r.remove(ctx, l))
		}
	}
	return errors.Join(errs...)
}

func key(object client.Object) string {
	return fmt.Sprintf("%T %s", object, object.GetName())
}

// ensure creates what is missing and corrects what is not the operator's own.
func (r *Reconciler) ensure(ctx context.Context, wanted resource.Object) error {
	stored, there := r.stored(wanted)
	if !there {
		return r.once(wanted, func() error {
			object := wanted.DeepCopyObject().(client.Object)
			clearStatus(object)
			return client.IgnoreAlreadyExists(r.Client.Create(ctx, object, client.FieldOwner(producer)))
		})
	}
	changed := corrected(stored, wanted)
	if changed == nil {
		return nil
	}
	return r.once(wanted, func() error {
		return ignoreLost(r.Client.Update(ctx, changed, client.FieldOwner(producer)))
	})
}

func (r *Reconciler) stored(wanted resource.Object) (resource.Object, bool) {
	of := levelsResource
	if _, ok := wanted.(*flowcontrolv1.FlowSchema); ok {
		of = schemasResource
	}
	return r.View.Get(of, "", wanted.GetName())
}

// corrected returns a copy of the stored object as it should be, or nil if it is. Mandatory objects are what they are; of the
// suggested ones, those are whose annotation says so, or whose specification nobody has touched yet.
func corrected(stored, wanted resource.Object) resource.Object {
	follows := "true"
	switch said := stored.GetAnnotations()[autoUpdate]; {
	case mandatory(wanted.GetName()):
	case said == "true", said == "false":
		follows = said
	case stored.GetGeneration() > 1:
		follows = "false"
	}
	if stored.GetAnnotations()[autoUpdate] == follows && (follows != "true" || sameSpec(stored, wanted)) {
		return nil
	}
	changed := stored.DeepCopyObject().(resource.Object)
	annotations := changed.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[autoUpdate] = follows
	changed.SetAnnotations(annotations)
	if follows == "true" {
		setSpec(changed, wanted)
	}
	return changed
}

// sameSpec says that setSpec would change nothing. Nearly always the two are the same to the letter, which takes a fraction to find out.
func sameSpec(object, from resource.Object) bool {
	switch object := object.(type) {
	case *flowcontrolv1.FlowSchema:
		wanted := &from.(*flowcontrolv1.FlowSchema).Spec
		return reflect.DeepEqual(&object.Spec, wanted) || equality.Semantic.DeepEqual(object.Spec, *wanted)
	case *flowcontrolv1.PriorityLevelConfiguration:
		wanted := &from.(*flowcontrolv1.PriorityLevelConfiguration).Spec
		return operators(&object.Spec, wanted) || reflect.DeepEqual(&object.Spec, wanted) || equality.Semantic.DeepEqual(object.Spec, *wanted)
	}
	return true
}

func setSpec(object, from resource.Object) {
	switch object := object.(type) {
	case *flowcontrolv1.FlowSchema:
		from.(*flowcontrolv1.FlowSchema).Spec.DeepCopyInto(&object.Spec)
	case *flowcontrolv1.PriorityLevelConfiguration:
		if wanted := &from.(*flowcontrolv1.PriorityLevelConfiguration).Spec; !operators(&object.Spec, wanted) {
			wanted.DeepCopyInto(&object.Spec)
		}
	}
}

// operators says that it is the exempt level's: what may be said of that is the operator's to say.
func operators(spec, wanted *flowcontrolv1.PriorityLevelConfigurationSpec) bool {
	return wanted.Exempt != nil && spec.Exempt != nil
}

func clearStatus(object client.Object) {
	if s, ok := object.(*flowcontrolv1.FlowSchema); ok {
		s.Status = flowcontrolv1.FlowSchemaStatus{}
	}
}

func (r *Reconciler) remove(ctx context.Context, object client.Object) error {
	return r.once(object, func() error {
		uid := object.GetUID()
		return ignoreLost(r.Client.Delete(ctx, object, client.Preconditions{UID: &uid}))
	})
}

// report says whether the schema's level exists.
func (r *Reconciler) report(ctx context.Context, s *flowcontrolv1.FlowSchema) error {
	wanted := r.dangling(s)
	for _, stored := range s.Status.Conditions {
		if stored.Type != wanted.Type {
			continue
		}
		if stored.Status == wanted.Status && stored.Reason == wanted.Reason && stored.Message == wanted.Message {
			return nil
		}
		if stored.Status == wanted.Status {
			wanted.LastTransitionTime = stored.LastTransitionTime
		}
	}
	configuration, err := json.Marshal(map[string]any{
		"apiVersion": flowcontrolv1.SchemeGroupVersion.String(), "kind": "FlowSchema", "metadata": map[string]any{"name": s.Name, "uid": s.UID},
		"status": map[string]any{"conditions": []flowcontrolv1.FlowSchemaCondition{wanted}},
	})
	if err != nil {
		return err
	}
	return ignoreLost(r.Client.Status().Patch(ctx, s.DeepCopy(), client.RawPatch(types.ApplyYAMLPatchType, configuration), client.FieldOwner(consumer), client.ForceOwnership))
}

func (r *Reconciler) dangling(s *flowcontrolv1.FlowSchema) flowcontrolv1.FlowSchemaCondition {
	name := s.Spec.PriorityLevelConfiguration.Name
	c := flowcontrolv1.FlowSchemaCondition{
		Type: flowcontrolv1.FlowSchemaConditionDangling, Status: flowcontrolv1.ConditionFalse, Reason: "Found",
		Message:            fmt.Sprintf("This FlowSchema references the PriorityLevelConfiguration object named %q and it exists", name),
		LastTransitionTime: metav1.NewTime(r.Clock.Now()),
	}
	if _, ok := r.View.Get(levelsResource, "", name); !ok {
		c.Status, c.Reason = flowcontrolv1.ConditionTrue, "NotFound"
		c.Message = fmt.Sprintf("This FlowSchema references the PriorityLevelConfiguration object named %q but there is no such object", name)
	}
	return c
}

// once writes an object, but not again before retryAfter: nobody else's loop is answered by one of ours.
func (r *Reconciler) once(object client.Object, write func() error) error {
	now, id := r.Clock.Now(), key(object)
	if last, ok := r.last[id]; ok && now.Sub(last) < retryAfter {
		r.later(retryAfter - now.Sub(last))
		return nil
	}
	r.last[id] = now
	if err := write(); err != nil {
		return fmt.Errorf("writing %s: %w", id, err)
	}
	return nil
}

// ignoreLost leaves what has changed or gone in between to the event that tells of it.
func ignoreLost(err error) error {
	if apierrors.IsConflict(err) {
		return nil
	}
	return client.IgnoreNotFound(err)
}
