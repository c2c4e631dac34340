package fieldmanager

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/merge"
)

// filler makes random objects that look somewhat like what clients send.
func filler(seed int64, empty float64) *randfill.Filler {
	words := []string{"", "a", "b", "web", "app.kubernetes.io/name", "it's \"quoted\"", "<b>&\\", "snö", "x y", "TCP", "UDP"}
	return randfill.NewWithSeed(seed).NilChance(empty).NumElements(0, 3).MaxDepth(14).Funcs(
		func(s *string, c randfill.Continue) { *s = words[c.Intn(len(words))] },
		func(n *int32, c randfill.Continue) { *n = c.Int31n(12) * 37 % 100 },
		func(n *int64, c randfill.Continue) { *n = c.Int63n(12) * 37 % 100 },
		func(q *apiresource.Quantity, c randfill.Continue) {
			*q = apiresource.MustParse([]string{"0", "1", "1000m", "100m", "1Gi", "1024Mi"}[c.Intn(6)])
		},
		func(t *metav1.Time, c randfill.Continue) {
			if c.Intn(4) > 0 {
				*t = metav1.NewTime(time.Unix(1700000000+c.Int63n(3), 0))
			}
		},
		func(t *metav1.MicroTime, c randfill.Continue) {
			*t = metav1.NewMicroTime(time.Unix(1700000000+c.Int63n(3), 1000))
		},
		func(i *intstr.IntOrString, c randfill.Continue) {
			if *i = intstr.FromInt32(c.Int31n(3)); c.Intn(2) > 0 {
				*i = intstr.FromString("http")
			}
		},
		func(raw *runtime.RawExtension, c randfill.Continue) {
			raw.Raw = []byte([]string{`{"a":1}`, `{"a":2,"b":[1,"x"]}`, `{}`, `"text"`}[c.Intn(4)])
		},
		func(j *apiextensionsv1.JSON, c randfill.Continue) {
			j.Raw = []byte([]string{`{"a":1}`, `[1]`, `"x"`}[c.Intn(3)])
		},
		func(p *apiextensionsv1.JSONSchemaProps, c randfill.Continue) {
			*p = apiextensionsv1.JSONSchemaProps{Type: words[c.Intn(len(words))]} // as deep as it may be, it is one leaf
		},
		func(m *metav1.ObjectMeta, c randfill.Continue) {
			c.FillNoCustom(m)
			m.ManagedFields, m.UID = nil, "uid"
		},
		func(f *metav1.FieldsV1, c randfill.Continue) {},
		// Conditions without these keys cannot be stored. Where one is compared the reference gives up, and a plan only if it changes.
		func(t *flowcontrolv1.FlowSchemaConditionType, c randfill.Continue) {
			*t = flowcontrolv1.FlowSchemaConditionType(words[1+c.Intn(len(words)-1)])
		},
		func(t *flowcontrolv1.PriorityLevelConfigurationConditionType, c randfill.Continue) {
			*t = flowcontrolv1.PriorityLevelConfigurationConditionType(words[1+c.Intn(len(words)-1)])
		},
	)
}

// kindsUnderTest are the stored resources whose types have plans.
func kindsUnderTest(t testing.TB) []*resource.Resource {
	var rows []*resource.Resource
	p := &merge.Planner{}
	for _, row := range apis.All() {
		if row.Virtual || row.StoredIn != nil {
			continue
		}
		if _, err := p.ForType(reflect.TypeOf(row.Storage().New()).Elem()); err == nil {
			rows = append(rows, row)
		} else {
			t.Logf("%s: %v", row.Kind, err)
		}
	}
	return rows
}

type step struct {
	obj                  resource.Object
	manager, subresource string
}

// history makes an object and some later states of it.
func history(row *resource.Resource, seed int64) []step {
	f := filler(seed, 0.5)
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	obj := row.Storage().New()
	f.Fill(obj)
	steps := []step{{obj, "creator", ""}}
	for i := range 4 {
		next := obj.DeepCopyObject().(resource.Object)
		switch random.IntN(3) {
		case 0:
			f.Fill(next) // everything is otherwise
		case 1:
			change(reflect.ValueOf(next).Elem(), random, filler(seed+int64(i)+100, 0.3), 0)
			change(reflect.ValueOf(next).Elem(), random, filler(seed+int64(i)+200, 0.3), 0)
		case 2:
			change(reflect.ValueOf(next).Elem(), random, filler(seed+int64(i)+300, 0.3), 0)
		}
		sub := ""
		if len(row.Subresources) > 0 && random.IntN(2) == 0 {
			if one := row.Subresources[random.IntN(len(row.Subresources))]; !one.Action && one.Scale == nil { // of scales no time is kept
				sub = one.Name
			}
		}
		steps = append(steps, step{next, fmt.Sprintf("manager-%d", random.IntN(3)), sub})
		obj = next
	}
	return steps
}

// change fills one field somewhere below v anew.
func change(v reflect.Value, random *rand.Rand, f *randfill.Filler, depth int) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	whole := reflect.PointerTo(v.Type()).Implements(reflect.TypeFor[json.Marshaler]())
	switch {
	case v.Kind() == reflect.Interface, v.Type() == reflect.TypeFor[metav1.TypeMeta]():
		return
	case !whole && v.Kind() == reflect.Struct && v.NumField() > 0 && depth < 12 && (depth < 2 || random.IntN(4) > 0):
		if field := v.Field(random.IntN(v.NumField())); field.CanSet() {
			change(field, random, f, depth+1)
			return
		}
	case v.Kind() == reflect.Slice && v.Len() > 0 && random.IntN(3) > 0:
		change(v.Index(random.IntN(v.Len())), random, f, depth+1)
		return
	}
	if v.CanAddr() && v.Addr().CanInterface() {
		f.Fill(v.Addr().Interface())
	}
}

// run replays a history on a field manager, and returns the managed fields after each step.
func run(t testing.TB, update func(row *resource.Resource, live, obj resource.Object, manager, sub string) (resource.Object, error), row *resource.Resource, steps []step) []string {
	live := row.Storage().New()
	var results []string
	for _, s := range steps {
		obj := s.obj.DeepCopyObject().(resource.Object)
		kind := row.GroupVersionKind(row.Storage().Name)
		live.GetObjectKind().SetGroupVersionKind(kind)
		obj.GetObjectKind().SetGroupVersionKind(kind)
		obj.SetManagedFields(live.GetManagedFields())
		got, err := update(row, live, obj, s.manager, s.subresource)
		if err != nil {
			results = append(results, "error")
			obj.SetManagedFields(live.GetManagedFields())
			live = obj
			continue
		}
		list := got.GetManagedFields()
		for i := range list {
			list[i].Time = &metav1.Time{Time: time.Unix(1, 0)}
		}
		data, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, string(data))
		live = got
	}
	return results
}

// compareWithReference says in how many steps of a history both were asked and found the same.
func compareWithReference(t *testing.T, fast *Managers, slow *Generic, row *resource.Resource, seed int64) (alike int) {
	t.Helper()
	steps := history(row, seed)
	kind := row.GroupVersionKind(row.Storage().Name)
	got := run(t, func(row *resource.Resource, live, obj resource.Object, manager, sub string) (resource.Object, error) {
		return fast.Update(row, kind, live, obj, manager, sub)
	}, row, steps)
	want := run(t, func(row *resource.Resource, live, obj resource.Object, manager, sub string) (resource.Object, error) {
		return slow.Update(row, kind, live, obj, manager, sub)
	}, row, steps)
	for i := range want {
		if want[i] == "error" && got[i] != want[i] {
			return i // a list without keys that did not change is no trouble for a plan; what the reference knows from then on is another history
		}
		if got[i] != want[i] {
			before, _ := json.Marshal(steps[max(0, i-1)].obj)
			after, _ := json.Marshal(steps[i].obj)
			t.Fatalf("%s, seed %d, step %d (%s %q):\n got %s\nwant %s\nfrom %s\n  to %s", row.Kind, seed, i, steps[i].manager, steps[i].subresource, got[i], want[i], before, after)
		}
	}
	return len(want)
}

func TestSameAsReference(t *testing.T) {
	scheme := apis.NewScheme()
	fast, slow := New(scheme), &Generic{Scheme: scheme}
	for _, row := range kindsUnderTest(t) {
		t.Run(row.Kind, func(t *testing.T) {
			alike := 0
			for seed := range int64(4) {
				alike += compareWithReference(t, fast, slow, row, seed)
			}
			if alike == 0 {
				t.Error("nothing was compared: the reference read none of the objects")
			}
		})
	}
}

func FuzzSameAsReference(f *testing.F) {
	scheme := apis.NewScheme()
	fast, slow := New(scheme), &Generic{Scheme: scheme}
	rows := kindsUnderTest(f)
	for seed := range int64(8) {
		f.Add(uint8(seed*7), seed)
	}
	f.Fuzz(func(t *testing.T, kind uint8, seed int64) {
		compareWithReference(t, fast, slow, rows[int(kind)%len(rows)], seed)
	})
}
