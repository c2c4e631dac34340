package resourcequota

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
)

// store keeps quotas as an API server does: a write of what is not the latest is a conflict.
type store struct {
	*authtest.Lister
	mu        sync.Mutex
	conflicts int
}

func (s *store) UpdateStatus(_ context.Context, quota *corev1.ResourceQuota) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	current, _ := auth.Get[*corev1.ResourceQuota](s, quotas, quota.Namespace, quota.Name)
	if s.conflicts > 0 {
		s.conflicts--
		return apierrors.NewConflict(quotas, quota.Name, errors.New("somebody was first"))
	}
	if current.ResourceVersion != quota.ResourceVersion {
		return apierrors.NewConflict(quotas, quota.Name, errors.New("somebody was first"))
	}
	next := quota.DeepCopy()
	revision, _ := strconv.Atoi(quota.ResourceVersion)
	next.ResourceVersion = strconv.Itoa(revision + 1)
	s.Add("resourcequotas", next)
	return nil
}

func newStore(hard corev1.ResourceList, change ...func(*corev1.ResourceQuota)) *store {
	used := corev1.ResourceList{}
	for name := range hard {
		used[name] = apiresource.MustParse("0")
	}
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: "q", Name: "qq", ResourceVersion: "1"},
		Spec:       corev1.ResourceQuotaSpec{Hard: hard}, Status: corev1.ResourceQuotaStatus{Hard: hard, Used: used},
	}
	for _, c := range change {
		c(quota)
	}
	return &store{Lister: authtest.New().Add("resourcequotas", quota)}
}

func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = apiresource.MustParse(pairs[i+1])
	}
	return l
}

func (s *store) create(p *Plugin, of string, obj runtime.Object) string {
	err := p.Validate(context.Background(), &admission.Attributes{
		Operation: admission.Create, Resource: &resource.Resource{Name: of, Namespaced: true}, Namespace: "q", Name: "a1", Object: obj,
	})
	if err != nil {
		return err.Error()
	}
	return ""
}

func (s *store) used(name corev1.ResourceName) string {
	quota, _ := auth.Get[*corev1.ResourceQuota](s, quotas, "q", "qq")
	quantity := quota.Status.Used[name]
	return quantity.String()
}

func pod(resources corev1.ResourceRequirements) *corev1.Pod {
	return &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Resources: resources}}}}
}

func TestMessages(t *testing.T) {
	s := newStore(list("pods", "1", "requests.cpu", "1", "count/configmaps", "1", "limits.memory", "1Gi"))
	p := &Plugin{Lister: s, Writer: s}
	for _, c := range []struct {
		of   string
		obj  runtime.Object
		want string
	}{
		{"pods", pod(corev1.ResourceRequirements{}), `pods "a1" is forbidden: failed quota: qq: must specify limits.memory for: a; requests.cpu for: a`},
		{"pods", pod(corev1.ResourceRequirements{Requests: list("cpu", "2"), Limits: list("memory", "1Mi")}),
			`pods "a1" is forbidden: exceeded quota: qq, requested: requests.cpu=2, used: requests.cpu=0, limited: requests.cpu=1`},
		{"configmaps", &corev1.ConfigMap{}, ""},
		{"configmaps", &corev1.ConfigMap{}, `configmaps "a1" is forbidden: exceeded quota: qq, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1`},
		{"secrets", &corev1.Secret{}, ""},
	} {
		if got := s.create(p, c.of, c.obj); got != c.want {
			t.Errorf("got %s\nwant %s", got, c.want)
		}
	}
	if got := s.used("count/configmaps"); got != "1" {
		t.Errorf("used %s", got)
	}
}

// TestHoldsByItsStatus: what upstream's server answers while nobody has written the status, or a part of it.
func TestHoldsByItsStatus(t *testing.T) {
	for _, c := range []struct {
		status corev1.ResourceQuotaStatus
		want   string
	}{
		{status: corev1.ResourceQuotaStatus{}},
		{status: corev1.ResourceQuotaStatus{Hard: list("pods", "5")}, want: `pods "a1" is forbidden: status unknown for quota: qq, resources: pods`},
		{status: corev1.ResourceQuotaStatus{Hard: list("pods", "5"), Used: list("pods", "1")}},
		{status: corev1.ResourceQuotaStatus{Hard: list("pods", "5", "requests.cpu", "1"), Used: list("pods", "1")},
			want: `pods "a1" is forbidden: failed quota: qq: must specify requests.cpu for: a`},
	} {
		s := newStore(list("pods", "1", "requests.cpu", "1"), func(q *corev1.ResourceQuota) { q.Status = c.status })
		if got := s.create(&Plugin{Lister: s, Writer: s}, "pods", pod(corev1.ResourceRequirements{})); got != c.want {
			t.Errorf("%v: got %s, want %s", c.status, got, c.want)
		}
	}
}

// TestNeverOvercharged: of many writers at the same time, as many get in as there is room for.
func TestNeverOvercharged(t *testing.T) {
	s := newStore(list("pods", "10"))
	s.conflicts = 3
	p, other := &Plugin{Lister: s, Writer: s}, &Plugin{Lister: s, Writer: s}
	var mu sync.Mutex
	admitted := 0
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			plugin := p
			if i%4 == 0 {
				plugin = other // a second server, which knows no lock of the first
			}
			if s.create(plugin, "pods", pod(corev1.ResourceRequirements{})) == "" {
				mu.Lock()
				admitted++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if used := s.used("pods"); used != fmt.Sprint(admitted) || admitted > 10 {
		t.Errorf("%d were let in, %s are charged, 10 may be", admitted, used)
	}
}

func TestScopes(t *testing.T) {
	bestEffort := newStore(list("pods", "0"), func(q *corev1.ResourceQuota) {
		q.Spec.Scopes = []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeBestEffort}
	})
	p := &Plugin{Lister: bestEffort, Writer: bestEffort}
	if got := bestEffort.create(p, "pods", pod(corev1.ResourceRequirements{Requests: list("cpu", "1")})); got != "" {
		t.Errorf("a burstable pod was held to the quota of the others: %s", got)
	}
	if got := bestEffort.create(p, "pods", pod(corev1.ResourceRequirements{})); got == "" {
		t.Error("a pod in scope was let in")
	}
}

func TestUpdatesChargeTheDifference(t *testing.T) {
	s := newStore(list("requests.storage", "10Gi"))
	p := &Plugin{Lister: s, Writer: s}
	claim := func(size string) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{Resources: corev1.VolumeResourceRequirements{Requests: list("storage", size)}}}
	}
	if got := s.create(p, "persistentvolumeclaims", claim("4Gi")); got != "" {
		t.Fatal(got)
	}
	grow := func(from, to string) error {
		return p.Validate(context.Background(), &admission.Attributes{
			Operation: admission.Update, Resource: &resource.Resource{Name: "persistentvolumeclaims", Namespaced: true}, Namespace: "q", Name: "a1",
			Object: claim(to), Old: claim(from),
		})
	}
	if err := grow("4Gi", "9Gi"); err != nil || s.used("requests.storage") != "9Gi" {
		t.Errorf("%v, used %s", err, s.used("requests.storage"))
	}
	if err := grow("9Gi", "11Gi"); err == nil {
		t.Error("grew over the quota")
	}
}

// What a pod must say for one quota is told before what it is too much for in another, whichever comes first.
func TestWhatIsMissingIsToldFirst(t *testing.T) {
	for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} {
		s := newStore(list("pods", "0"), func(q *corev1.ResourceQuota) { q.Name = names[0] })
		other, _ := auth.Get[*corev1.ResourceQuota](newStore(list("limits.memory", "1Gi"), func(q *corev1.ResourceQuota) { q.Name = names[1] }), quotas, "q", names[1])
		s.Add("resourcequotas", other)
		got := s.create(&Plugin{Lister: s, Writer: s}, "pods", &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}})
		if want := "failed quota: " + names[1] + ": must specify limits.memory for: c"; !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", names, got, want)
		}
	}
}
