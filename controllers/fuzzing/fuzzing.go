package fuzzing

import (
	"math/rand"
	"reflect"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"
)

// Rounds calls check many times with a source of random objects. A failure names the
// seed, which brings the same objects again.
func Rounds(t *testing.T, check func(fill *Source)) {
	t.Helper()
	for seed := range int64(300) {
		ok := false
		func() {
			defer func() {
				if !ok {
					t.Logf("seed %d", seed)
				}
			}()
			check(New(seed))
			ok = true
		}()
	}
}

// Source fills objects at random. Several may use it at a time; a seed then brings the same objects, but not always to the same one.
type Source struct {
	mu     sync.Mutex
	filler *randfill.Filler
	rand   *rand.Rand
}

// New returns the source of a seed.
func New(seed int64) *Source {
	r := rand.New(rand.NewSource(seed))
	filler := randfill.NewWithSeed(seed).NilChance(0.3).NumElements(0, 3).MaxDepth(14).Funcs(
		func(v *metav1.Time, _ randfill.Continue) { *v = metav1.NewTime(someTime(r)) },
		func(v *metav1.MicroTime, _ randfill.Continue) { *v = metav1.NewMicroTime(someTime(r)) },
		func(v *metav1.FieldsV1, _ randfill.Continue) { v.SetRawBytes([]byte("{}")) },
		func(v *runtime.RawExtension, _ randfill.Continue) {
			v.Raw = []byte(pick(r, "", "{}", "null", "[", `{"spec":1}`))
		},
		func(v *resource.Quantity, _ randfill.Continue) {
			*v = *resource.NewQuantity(r.Int63n(1<<40), resource.DecimalSI)
		},
		func(v *intstr.IntOrString, _ randfill.Continue) {
			*v = intstr.Parse(pick(r, "0", "1", "-3", "25%", "0%", "400%", "-5%", "a%", "http", "", "2147483647"))
		},
		func(v *int32, _ randfill.Continue) { *v = number(r) },
		func(v *int64, _ randfill.Continue) { *v = int64(number(r)) },
		func(v *map[string]string, c randfill.Continue) {
			c.FillNoCustom(v)
			if r.Intn(2) == 0 {
				*v = map[string]string{"a": "a"}
			}
		},
		func(v *metav1.LabelSelector, c randfill.Continue) {
			c.FillNoCustom(v)
			if r.Intn(4) > 0 { // one that can be read
				v.MatchLabels, v.MatchExpressions = map[string]string{"a": "a"}, nil
			}
		},
		func(v *metav1.ObjectMeta, c randfill.Continue) {
			c.FillNoCustom(v)
			if r.Intn(4) > 0 {
				v.DeletionTimestamp = nil
			}
		},
		func(v *metav1.OwnerReference, c randfill.Continue) {
			c.FillNoCustom(v)
			v.Name = pick(r, "a", "b", "web-0", "web-7")
			v.Kind = pick(r, "", "Node", "Pod", "Job", "CronJob", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController")
		},
		func(v *batchv1.CronJobSpec, c randfill.Continue) {
			c.FillNoCustom(v)
			v.Schedule = pick(r, "* * * * *", "*/5 1 * * *", "@hourly", "0 0 30 2 *", "TZ=UTC * * * * *", "x", v.Schedule)
		},
		func(v *string, c randfill.Continue) {
			*v = pick(r, "", "a", "b", "web-0", "web-7", "10.0.0.1", "fd00::1", "10.0.0.0/8", "3", "1-4,9", "True", "False",
				"Running", "Failed", "Succeeded", "Pending", "Ready", "NoExecute", "NoSchedule", "In", "Exists", "Recreate", "OnDelete", c.String(4))
		},
	)
	return &Source{filler: filler, rand: r}
}

// Fill fills obj.
func (s *Source) Fill(obj any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fill(obj)
}

func (s *Source) fill(obj any) {
	s.filler.Fill(obj)
	s.speak(reflect.ValueOf(obj))
}

// below is a number from 0 to n-1.
func (s *Source) below(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rand.Intn(n)
}

func (s *Source) pick(from ...string) string { return from[s.below(len(from))] }

// List returns up to most random objects.
func List[T any](s *Source, most int) []*T {
	out := make([]*T, s.below(most+1))
	for i := range out {
		out[i] = new(T)
		s.Fill(out[i])
	}
	return out
}

// Now is the time in such tests.
func Now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func someTime(r *rand.Rand) time.Time {
	switch r.Intn(4) {
	case 0:
		return time.Time{}
	case 1:
		return Now().Add(time.Duration(r.Int63n(int64(time.Hour))))
	}
	return Now().Add(-time.Duration(r.Int63n(int64(1000 * time.Hour))))
}

func number(r *rand.Rand) int32 {
	return []int32{0, 0, 1, 1, 2, 3, 5, 100, -1, 1<<31 - 1, -1 << 31}[r.Intn(11)]
}

func pick(r *rand.Rand, from ...string) string { return from[r.Intn(len(from))] }
