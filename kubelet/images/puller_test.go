package images

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	testingclock "k8s.io/utils/clock/testing"
)

// store is a runtime that has some images, and whose registry has none but one.
type store struct {
	runtimeapi.ImageServiceClient
	has   map[string]bool
	pulls int
	auth  *runtimeapi.AuthConfig
}

func (s *store) ImageStatus(_ context.Context, r *runtimeapi.ImageStatusRequest, _ ...grpc.CallOption) (*runtimeapi.ImageStatusResponse, error) {
	if !s.has[r.Image.Image] {
		return &runtimeapi.ImageStatusResponse{}, nil
	}
	return &runtimeapi.ImageStatusResponse{Image: &runtimeapi.Image{Id: "sha256:" + r.Image.Image, Size: 7}}, nil
}

func (s *store) PullImage(_ context.Context, r *runtimeapi.PullImageRequest, _ ...grpc.CallOption) (*runtimeapi.PullImageResponse, error) {
	s.pulls++
	s.auth = r.Auth
	if r.Image.Image != "reg.example/there:1" {
		return nil, errors.New("no such image")
	}
	s.has[r.Image.Image] = true
	return &runtimeapi.PullImageResponse{}, nil
}

func puller(s *store, secrets ...*corev1.Secret) (*Puller, *testingclock.FakeClock) {
	clock := testingclock.NewFakeClock(time.Unix(1000, 0))
	return &Puller{Images: s, Clock: clock, Secrets: func(context.Context, *corev1.Pod) []*corev1.Secret { return secrets }}, clock
}

func ask(t *testing.T, p *Puller, image string, policy corev1.PullPolicy) (result string, events []string) {
	t.Helper()
	_, err := p.Ensure(t.Context(), Request{Pod: &corev1.Pod{}, Image: image, Policy: policy, Event: func(_, reason, message string) {
		events = append(events, reason+": "+message)
	}})
	if err != nil {
		return err.Error(), events
	}
	return "ok", events
}

func TestPullPolicies(t *testing.T) {
	cases := []struct {
		image  string
		policy corev1.PullPolicy
		want   string
		events []string
	}{
		{"here", corev1.PullIfNotPresent, "ok", []string{`Pulled: Container image "here" already present on machine and can be accessed by the pod`}},
		{"here", corev1.PullNever, "ok", []string{`Pulled: Container image "here" already present on machine and can be accessed by the pod`}},
		{"gone", corev1.PullNever, `ErrImageNeverPull: Container image "gone" is not present with pull policy of Never`, []string{
			`ErrImageNeverPull: Container image "gone" is not present with pull policy of Never`, "Failed: Error: ErrImageNeverPull"}},
		{"reg.example/there:1", corev1.PullIfNotPresent, "ok", []string{
			`Pulling: Pulling image "reg.example/there:1"`, `Pulled: Successfully pulled image "reg.example/there:1" in 0s (0s including waiting). Image size: 7 bytes.`}},
		{"gone", corev1.PullAlways, "ErrImagePull: no such image", []string{
			`Pulling: Pulling image "gone"`, `Failed: Failed to pull image "gone": no such image`, "Failed: Error: ErrImagePull"}},
		{"UPPER", corev1.PullAlways, `InvalidImageName: Failed to apply default image tag "UPPER": couldn't parse image name "UPPER": invalid reference format: repository name (library/UPPER) must be lowercase`, nil},
	}
	for _, c := range cases {
		p, _ := puller(&store{has: map[string]bool{"here:latest": true}})
		got, events := ask(t, p, c.image, c.policy)
		if got != c.want {
			t.Errorf("%s with %s: %s, want %s", c.image, c.policy, got, c.want)
		}
		if diff := cmp.Diff(c.events, events); diff != "" && c.events != nil {
			t.Errorf("%s with %s: events %s", c.image, c.policy, diff)
		}
	}
}

func TestPullsBackOff(t *testing.T) {
	s := &store{has: map[string]bool{}}
	p, clock := puller(s)
	for _, step := range []struct {
		wait time.Duration
		want string
	}{
		{0, "ErrImagePull: no such image"},
		{9 * time.Second, `ImagePullBackOff: Back-off pulling image "gone": ErrImagePull: no such image`},
		{1 * time.Second, "ErrImagePull: no such image"},
		{19 * time.Second, `ImagePullBackOff: Back-off pulling image "gone": ErrImagePull: no such image`},
		{1 * time.Second, "ErrImagePull: no such image"},
	} {
		clock.Step(step.wait)
		if got, _ := ask(t, p, "gone", corev1.PullIfNotPresent); got != step.want {
			t.Fatalf("after %v: %s, want %s", step.wait, got, step.want)
		}
	}
	if s.pulls != 3 {
		t.Fatalf("pulled %d times", s.pulls)
	}
}

func TestPullSecrets(t *testing.T) {
	secret := &corev1.Secret{Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{
		corev1.DockerConfigJsonKey: []byte(`{"auths": {"https://other.example/v1/": {"auth": "eDp5"}, "reg.example": {"auth": "dXNlcjpwYXNz"}}}`),
	}}
	s := &store{has: map[string]bool{}}
	p, _ := puller(s, secret)
	if got, _ := ask(t, p, "reg.example/there:1", corev1.PullAlways); got != "ok" {
		t.Fatal(got)
	}
	if s.auth.GetUsername() != "user" || s.auth.GetPassword() != "pass" {
		t.Fatalf("pulled as %q", s.auth.GetUsername())
	}
}
