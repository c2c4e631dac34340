package fieldmanager

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/merge"
)

// writer writes one object again and again, as different managers.
type writer struct {
	*testing.T
	managers *Managers
	clock    *testclock.FakePassiveClock
	row      *resource.Resource
	kind     schema.GroupVersionKind
	live     resource.Object
}

func newWriter(t *testing.T, group, name, version string) *writer {
	t.Helper()
	clock := testclock.NewFakePassiveClock(time.Unix(1700000000, 0))
	managers := New(apis.NewScheme())
	managers.clock = clock
	row := resource.Find(apis.All(), group, name)
	return &writer{T: t, managers: managers, clock: clock, row: row, kind: row.GroupVersionKind(version), live: row.Version(version).New()}
}

func (w *writer) update(obj resource.Object, manager, sub string) {
	w.Helper()
	w.clock.SetTime(w.clock.Now().Add(time.Second))
	obj.GetObjectKind().SetGroupVersionKind(w.kind)
	got, err := w.managers.Update(w.row, w.kind, w.live, obj, manager, sub)
	if err != nil {
		w.Fatal(err)
	}
	got.SetUID("uid")
	w.live = got
}

func (w *writer) apply(configuration, manager string, force bool) error {
	w.Helper()
	w.live.GetObjectKind().SetGroupVersionKind(w.kind)
	got, err := w.managers.Apply(w.row, w.kind, w.live, Configuration{Data: []byte(configuration), Manager: manager, Force: force})
	if err == nil {
		got.SetUID("uid")
		w.live = got
	}
	return err
}

// owns fails unless the list of managers is as given: "manager version fields" or "manager/subresource version fields".
func (w *writer) owns(want ...string) {
	w.Helper()
	var got []string
	for _, e := range w.live.GetManagedFields() {
		who := e.Manager
		if e.Subresource != "" {
			who += "/" + e.Subresource
		}
		got = append(got, fmt.Sprintf("%s %s %s", who, e.APIVersion, e.FieldsV1.GetRawString()))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.Errorf("owners are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func configMap(data ...string) *corev1.ConfigMap {
	c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c"}, Data: map[string]string{}}
	for i := 0; i < len(data); i += 2 {
		c.Data[data[i]] = data[i+1]
	}
	return c
}

func (w *writer) next(data ...string) *corev1.ConfigMap {
	c := configMap(data...)
	c.ManagedFields = w.live.GetManagedFields()
	return c
}

func TestFieldsMoveToWhoChangesThem(t *testing.T) {
	w := newWriter(t, "", "configmaps", "v1")
	w.update(configMap("a", "1", "b", "1"), "first", "")
	w.owns(`first v1 {"f:data":{".":{},"f:a":{},"f:b":{}}}`)
	w.update(w.next("a", "2", "b", "1"), "second", "")
	w.owns(`first v1 {"f:data":{".":{},"f:b":{}}}`, `second v1 {"f:data":{"f:a":{}}}`)
	w.update(w.next("a", "2"), "third", "")
	w.owns(`first v1 {"f:data":{}}`, `second v1 {"f:data":{"f:a":{}}}`)
	before := w.live.GetManagedFields()[1].Time
	w.update(w.next("a", "2"), "second", "")
	if after := w.live.GetManagedFields()[1].Time; !after.Equal(before) {
		t.Errorf("a write that changed nothing moved the time from %s to %s", before, after)
	}
}

func TestTrackingStartsAnewOrNotAtAll(t *testing.T) {
	w := newWriter(t, "", "configmaps", "v1")
	w.update(configMap("a", "1"), "first", "")
	reset := w.next("a", "2")
	reset.ManagedFields = []metav1.ManagedFieldsEntry{{}}
	w.update(reset, "second", "")
	w.owns()
	w.update(w.next("a", "3"), "third", "")
	w.owns()
	if err := w.apply(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"b":"1"}}`, "me", false); err != nil {
		t.Fatal(err)
	}
	w.owns(`me v1 {"f:data":{"f:b":{}}}`, `before-first-apply v1 {"f:data":{".":{},"f:a":{}}}`)
}

func TestStatusOwnsNoSpec(t *testing.T) {
	w := newWriter(t, "apps", "deployments", "v1")
	replicas := int32(2)
	d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &replicas}, Status: appsv1.DeploymentStatus{Replicas: 1}}
	w.update(d.DeepCopy(), "user", "")
	w.owns(`user apps/v1 {"f:spec":{"f:replicas":{}}}`)
	d = w.live.DeepCopyObject().(*appsv1.Deployment)
	*d.Spec.Replicas, d.Status.Replicas = 5, 2
	d.Status.Conditions = []appsv1.DeploymentCondition{{Type: "Available", Status: "True"}}
	w.update(d, "controller", "status")
	w.owns(`user apps/v1 {"f:spec":{"f:replicas":{}}}`,
		`controller/status apps/v1 {"f:status":{"f:conditions":{".":{},"k:{\"type\":\"Available\"}":{".":{},"f:lastTransitionTime":{},"f:lastUpdateTime":{},"f:status":{},"f:type":{}}},"f:replicas":{}}}`)
}

func TestOldUpdatersAreMerged(t *testing.T) {
	w := newWriter(t, "", "configmaps", "v1")
	var data []string
	for i := range 13 {
		data = append(data, fmt.Sprintf("k%02d", i), "1")
		w.update(w.next(data...), fmt.Sprintf("m%02d", i), "")
	}
	list := w.live.GetManagedFields()
	if len(list) != 10 || list[0].Manager != "ancient-changes" || list[0].FieldsV1.GetRawString() != `{"f:data":{".":{},"f:k00":{},"f:k01":{},"f:k02":{},"f:k03":{}}}` {
		t.Errorf("%d managers, the first %s with %s", len(list), list[0].Manager, list[0].FieldsV1.GetRawString())
	}
}

func TestAppliersShareAndConflict(t *testing.T) {
	const one = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1","b":"1"}}`
	const two = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"2"}}`
	w := newWriter(t, "", "configmaps", "v1")
	if err := w.apply(one, "me", false); err != nil {
		t.Fatal(err)
	}
	err := w.apply(two, "you", false)
	var status *apierrors.StatusError
	if !errors.As(err, &status) || status.ErrStatus.Message != `Apply failed with 1 conflict: conflict with "me": .data.a` ||
		status.ErrStatus.Details.Causes[0].Type != metav1.CauseTypeFieldManagerConflict {
		t.Errorf("conflict is %v", err)
	}
	if err := w.apply(two, "you", true); err != nil {
		t.Fatal(err)
	}
	w.owns(`me v1 {"f:data":{"f:b":{}}}`, `you v1 {"f:data":{"f:a":{}}}`)
	if err := w.apply(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"2"}}`, "me", false); err != nil {
		t.Fatal(err)
	}
	if data, _ := json.Marshal(w.live.(*corev1.ConfigMap).Data); string(data) != `{"a":"2"}` {
		t.Errorf("what its applier gave up is still there: %s", data)
	}
	err = w.apply(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"bogus":1}`, "me", false)
	if !errors.As(err, &status) || status.ErrStatus.Code != 500 || status.ErrStatus.Reason != "" || !strings.HasSuffix(status.ErrStatus.Message, ".bogus: field not declared in schema") {
		t.Errorf("unknown field is %v", err)
	}
}

func TestManagersOfSeveralVersions(t *testing.T) {
	w := newWriter(t, "autoscaling", "horizontalpodautoscalers", "v2")
	w.update(&autoscalingv2.HorizontalPodAutoscaler{Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		MaxReplicas: 5, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "d"}}}, "new", "")
	row := w.row
	first, err := row.Version("v1").FromStorage(w.live)
	if err != nil {
		t.Fatal(err)
	}
	w.kind, w.live = row.GroupVersionKind("v1"), first
	old := first.DeepCopyObject().(*autoscalingv1.HorizontalPodAutoscaler)
	old.Spec.MaxReplicas = 6
	w.update(old, "old", "")
	w.owns(`new autoscaling/v2 {"f:spec":{"f:scaleTargetRef":{"f:kind":{},"f:name":{}}}}`, `old autoscaling/v1 {"f:spec":{"f:maxReplicas":{}}}`)
	if err := w.apply(`{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","spec":{"maxReplicas":7}}`, "me", true); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.live.(*autoscalingv1.HorizontalPodAutoscaler); !ok {
		t.Errorf("what was applied in v1 came back as %T", w.live)
	}
}

// Templates of claims are owned as a whole, and have lists with keys in them.
func TestTemplatesOfClaimsAreAppliedByPlan(t *testing.T) {
	row := resource.Find(apis.All(), "apps", "statefulsets")
	m := New(apis.NewScheme())
	kind := row.GroupVersionKind("v1")
	apply := func(owners string) error {
		live := row.Storage().New()
		live.GetObjectKind().SetGroupVersionKind(kind)
		wanted := Configuration{Manager: "me", Data: []byte(`{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"db"},"spec":{"volumeClaimTemplates":[
			{"metadata":{"name":"data","ownerReferences":[` + owners + `]},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}]}}`)}
		wanted.Data = bytes.ReplaceAll(wanted.Data, []byte("\t"), nil)
		configuration, err := readApplied(wanted)
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.applyByPlan(row, kind, live, configuration, wanted)
		return err
	}
	const owner = `{"apiVersion":"v1","kind":"Pod","name":"a","uid":"1"}`
	if err := apply(owner); err != nil {
		t.Errorf("it is not: %v", err)
	}
	if err := apply(owner + "," + owner); !errors.Is(err, merge.ErrNoPlan) {
		t.Errorf("an owner that is there twice is not left to structured-merge-diff: %v", err)
	}
}
