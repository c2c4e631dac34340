package imagepolicywebhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	imagepolicyv1alpha1 "k8s.io/api/imagepolicy/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
)

// backend decides by the names of images, and remembers what it was asked.
type backend struct {
	*httptest.Server
	asked []string
}

func newBackend(t *testing.T) *backend {
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		b.asked = append(b.asked, strings.TrimSpace(string(data)))
		var review imagepolicyv1alpha1.ImageReview
		if err := json.Unmarshal(data, &review); err != nil {
			t.Error(err)
		}
		review.Status = imagepolicyv1alpha1.ImageReviewStatus{Allowed: true}
		w.Header().Set("Content-Type", "application/json")
		for _, container := range review.Spec.Containers {
			switch container.Image {
			case "bad":
				review.Status = imagepolicyv1alpha1.ImageReviewStatus{Reason: "it is bad", AuditAnnotations: map[string]string{"why": "bad"}}
			case "mute":
				review.Status = imagepolicyv1alpha1.ImageReviewStatus{}
			case "broken":
				w.WriteHeader(http.StatusInternalServerError)
			case "refused":
				w.WriteHeader(http.StatusForbidden)
			}
		}
		_ = json.NewEncoder(w).Encode(&review)
	}))
	t.Cleanup(b.Close)
	return b
}

// configured makes the plugin with the settings, beside a kubeconfig that leads to the backend.
func (b *backend) configured(t *testing.T, settings string) (*Plugin, *testingclock.FakePassiveClock, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"backend": fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","clusters":[{"name":"b","cluster":{"server":%q}}],"contexts":[{"name":"b","context":{"cluster":"b"}}],"current-context":"b"}`, b.URL),
		"admission": fmt.Sprintf(`{"apiVersion":"apiserver.config.k8s.io/v1","kind":"AdmissionConfiguration","plugins":[{"name":"ImagePolicyWebhook","configuration":%s}]}`,
			settings),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := configuration.Read(filepath.Join(dir, "admission"))
	if err != nil {
		t.Fatal(err)
	}
	ticks := testingclock.NewFakePassiveClock(time.Unix(1_600_000_000, 0))
	p, err := New(ticks, file)
	return p, ticks, err
}

func podOf(images ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", Annotations: map[string]string{
		"mine.image-policy.k8s.io/ticket": "1", "image-policy.k8s.io/x": "2", "other": "3",
	}}}
	pod.Spec.Containers = []corev1.Container{{Image: images[0]}}
	for _, image := range images[1:] {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Image: image})
		pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Image: image}})
	}
	return pod
}

// admit returns the refusal and what is told to the audit log.
func admit(t *testing.T, p *Plugin, pod *corev1.Pod, subresource string) (refusal string, told map[string]string) {
	t.Helper()
	told = map[string]string{}
	before := pod.DeepCopy()
	err := p.Validate(t.Context(), &admission.Attributes{
		Operation: admission.Update, Resource: &resource.Resource{Name: "pods", Namespaced: true}, Subresource: subresource, Namespace: pod.Namespace, Name: pod.Name,
		Object: pod, Old: pod, Annotate: func(key, value string) { told[key] = value },
	})
	if diff := cmp.Diff(before, pod); diff != "" {
		t.Errorf("the pod changed: %s", diff)
	}
	return fmt.Sprint(errors.Join(err)), told
}

const none = "<nil>"

// The answers are upstream's to the same reviews.
func TestImagesAreReviewed(t *testing.T) {
	for _, c := range []struct {
		name, image, closed, open string
		told, toldOpen            map[string]string
	}{
		{"allowed", "good", none, none, nil, nil},
		{"denied", "bad", `pods "p" is forbidden: image policy webhook backend denied one or more images: it is bad`, "", map[string]string{audited + "why": "bad"}, nil},
		{"denied without a reason", "mute", `pods "p" is forbidden: one or more images rejected by webhook backend`, "", nil, nil},
		{"broken", "broken", `pods "p" is forbidden: an error on the server ("unknown") has prevented the request from succeeding`, none,
			nil, map[string]string{audited + "failed-open": "true"}},
		{"refused", "refused", "unknown", none, nil, map[string]string{audited + "failed-open": "true"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, open := range []bool{false, true} {
				p, _, err := newBackend(t).configured(t, fmt.Sprintf(`{"imagePolicy":{"kubeConfigFile":"backend","retryBackoff":1,"defaultAllow":%t}}`, open))
				if err != nil {
					t.Fatal(err)
				}
				want, told := c.closed, c.told
				if open && c.open != "" {
					want, told = c.open, c.toldOpen
				}
				got, annotated := admit(t, p, podOf(c.image), "")
				if told == nil {
					told = map[string]string{}
				}
				if diff := cmp.Diff([]any{want, told}, []any{got, annotated}); diff != "" {
					t.Errorf("open %t: %s", open, diff)
				}
			}
		})
	}
}

func TestWhatIsAskedAndRemembered(t *testing.T) {
	b := newBackend(t)
	p, ticks, err := b.configured(t, `{"imagePolicy":{"kubeConfigFile":"backend","allowTTL":50,"denyTTL":-1}}`)
	if err != nil {
		t.Fatal(err)
	}
	const review = `{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","metadata":{},"spec":{"containers":[%s],` +
		`"annotations":{"mine.image-policy.k8s.io/ticket":"1"},"namespace":"default"},"status":{"allowed":false}}`
	admit(t, p, podOf("good", "init"), "")
	admit(t, p, podOf("good", "eph"), "ephemeralcontainers")
	admit(t, p, podOf("good", "eph"), "status")
	want := []string{fmt.Sprintf(review, `{"image":"good"},{"image":"init"}`), fmt.Sprintf(review, `{"image":"eph"}`)}
	if diff := cmp.Diff(want, b.asked); diff != "" {
		t.Errorf("what was asked: %s", diff)
	}
	ask := func(image string) int {
		before := len(b.asked)
		admit(t, p, podOf(image, "init"), "")
		return len(b.asked) - before
	}
	if ask("good") != 0 || ask("bad") != 1 || ask("bad") != 1 {
		t.Error("a yes is remembered, and a no is not")
	}
	ticks.SetTime(ticks.Now().Add(50 * time.Second))
	if ask("good") != 1 {
		t.Error("a yes is remembered for longer than it was to be")
	}
}

func TestWrongConfigurations(t *testing.T) {
	b := newBackend(t)
	for settings, want := range map[string]string{
		`null`: "no config specified",
		`{"imagePolicy":{"kubeConfigFile":"backend","allowTTL":3600}}`:                                 "valid value is between 1s and 30m0s, got 1h0m0s",
		`{"imagePolicy":{"kubeConfigFile":"backend","denyTTL":-2}}`:                                    "valid value is between 1s and 30m0s, got -2s",
		`{"imagePolicy":{"kubeConfigFile":"backend","retryBackoff":1000000}}`:                          "valid value is between 1ns and 5m0s, got 16m40s",
		`{"imagePolicy":{"kubeConfigFile":"nowhere"}}`:                                                 "no such file or directory",
		`{"imagePolicy":{"allowTTL":5}}`:                                                               "no configuration has been provided",
		`{"imagePolicy":{"kubeConfigFile":"backend","allowTTL":9223372036854775807,"retryBackoff":1}}`: "valid value is between 1s and 30m0s",
	} {
		if _, _, err := b.configured(t, settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", settings, want, err)
		}
	}
}
