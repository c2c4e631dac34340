package images

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	grpcstatus "google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

const (
	backoffFirst = 10 * time.Second
	backoffMax   = 5 * time.Minute
	backoffReset = 2 * backoffMax
)

// Puller gets images. Its exported fields are inputs.
type Puller struct {
	Images runtimeapi.ImageServiceClient
	// Secrets returns the docker configurations of a pod's pull secrets that exist.
	Secrets func(ctx context.Context, pod *corev1.Pod) []*corev1.Secret
	Clock   clock.Clock
	// Used is called with the id of each image that a container gets. It may be nil.
	Used func(id string)
	// Pulled is called when an image was pulled. It may be nil.
	Pulled func()

	mu       sync.Mutex
	backoffs map[string]*backoff // by pod and image
	pulls    map[string]*pull    // by image, those in flight
}

type backoff struct {
	delay   time.Duration
	failed  time.Time
	message string
}

// pull is one pull in flight, that several containers may wait for.
type pull struct {
	done chan struct{}
	err  error
}

// Request asks for the image of one container.
type Request struct {
	Pod       *corev1.Pod
	Container string
	Image     string
	Policy    corev1.PullPolicy
	// Event tells the pod's event.
	Event func(eventType, reason, message string)
}

// Image is an image that the runtime has.
type Image struct {
	ID   string
	Size uint64
	User runtime.ImageUser
}

// Problem is why an image is not there, as the container's status says it. Again is when to ask again.
type Problem struct {
	Reason, Message string
	Again           time.Duration
}

// Error says the reason and the message.
func (p *Problem) Error() string { return p.Reason + ": " + p.Message }

// Ensure returns the image, pulling it if the policy says so. Its errors are Problems unless ctx ended.
func (p *Puller) Ensure(ctx context.Context, r Request) (Image, error) {
	name, err := withTag(r.Image)
	if err != nil {
		message := fmt.Sprintf("Failed to apply default image tag %q: couldn't parse image name %q: %v", r.Image, r.Image, err)
		r.Event(corev1.EventTypeWarning, "InspectFailed", message)
		r.Event(corev1.EventTypeWarning, "Failed", "Error: InvalidImageName")
		return Image{}, &Problem{Reason: "InvalidImageName", Message: message, Again: backoffFirst}
	}
	present, found, err := p.inspect(ctx, name)
	if err != nil {
		message := fmt.Sprintf("Failed to inspect image %q: %v", r.Image, grpcstatus.Convert(err).Message())
		r.Event(corev1.EventTypeWarning, "InspectFailed", message)
		return Image{}, &Problem{Reason: "ImageInspectError", Message: message, Again: backoffFirst}
	}
	switch {
	case found && r.Policy != corev1.PullAlways:
		r.Event(corev1.EventTypeNormal, "Pulled", fmt.Sprintf("Container image %q already present on machine and can be accessed by the pod", r.Image))
		return present, nil
	case !found && r.Policy == corev1.PullNever:
		message := fmt.Sprintf("Container image %q is not present with pull policy of Never", r.Image)
		r.Event(corev1.EventTypeWarning, "ErrImageNeverPull", message)
		r.Event(corev1.EventTypeWarning, "Failed", "Error: ErrImageNeverPull")
		return Image{}, &Problem{Reason: "ErrImageNeverPull", Message: message, Again: backoffFirst}
	}
	key := string(r.Pod.UID) + " " + name
	if wait := p.mustWait(key); wait != nil {
		message := fmt.Sprintf("Back-off pulling image %q", r.Image)
		r.Event(corev1.EventTypeNormal, "BackOff", message)
		r.Event(corev1.EventTypeWarning, "Failed", "Error: ImagePullBackOff")
		return Image{}, &Problem{Reason: "ImagePullBackOff", Message: message + ": ErrImagePull: " + wait.Message, Again: wait.Again}
	}
	return p.pull(ctx, r, name, key)
}

func (p *Puller) pull(ctx context.Context, r Request, name, key string) (Image, error) {
	r.Event(corev1.EventTypeNormal, "Pulling", fmt.Sprintf("Pulling image %q", r.Image))
	begin := p.Clock.Now()
	err := p.shared(ctx, name, r.Pod)
	if ctx.Err() != nil {
		return Image{}, ctx.Err()
	}
	var image Image
	if err == nil {
		var found bool
		if image, found, err = p.inspect(ctx, name); err == nil && !found {
			err = errors.New("the image is not there after the pull")
		}
	}
	if err != nil {
		message := grpcstatus.Convert(err).Message()
		r.Event(corev1.EventTypeWarning, "Failed", fmt.Sprintf("Failed to pull image %q: %v", r.Image, message))
		r.Event(corev1.EventTypeWarning, "Failed", "Error: ErrImagePull")
		p.failed(key, message)
		// The status says ErrImagePull first, and soon after that it backs off.
		return Image{}, &Problem{Reason: "ErrImagePull", Message: message, Again: time.Second}
	}
	p.mu.Lock()
	delete(p.backoffs, key)
	p.mu.Unlock()
	if p.Pulled != nil {
		p.Pulled()
	}
	took := p.Clock.Since(begin).Truncate(time.Millisecond)
	r.Event(corev1.EventTypeNormal, "Pulled", fmt.Sprintf("Successfully pulled image %q in %v (%v including waiting). Image size: %v bytes.", r.Image, took, took, image.Size))
	return image, nil
}

// shared pulls, or waits for a pull of the same image that is under way.
func (p *Puller) shared(ctx context.Context, name string, pod *corev1.Pod) error {
	auths := credentials(name, p.Secrets(ctx, pod))
	if len(auths) > 0 {
		// Who may read a private image differs from pod to pod: such pulls are not shared.
		var errs error
		for _, auth := range auths {
			_, err := p.Images.PullImage(ctx, &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: name}, Auth: auth})
			if err == nil {
				return nil
			}
			errs = err
		}
		return errs
	}
	p.mu.Lock()
	if p.pulls == nil {
		p.pulls = map[string]*pull{}
	}
	flight := p.pulls[name]
	owner := flight == nil
	if owner {
		flight = &pull{done: make(chan struct{})}
		p.pulls[name] = flight
	}
	p.mu.Unlock()
	if owner {
		_, flight.err = p.Images.PullImage(ctx, &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: name}})
		p.mu.Lock()
		delete(p.pulls, name)
		p.mu.Unlock()
		close(flight.done)
		return flight.err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-flight.done:
		return flight.err
	}
}

func (p *Puller) inspect(ctx context.Context, name string) (Image, bool, error) {
	r, err := p.Images.ImageStatus(ctx, &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: name}})
	if err != nil {
		return Image{}, false, err
	}
	if r.Image == nil {
		return Image{}, false, nil
	}
	image := Image{ID: r.Image.Id, Size: r.Image.Size, User: runtime.ImageUser{Name: r.Image.Username}}
	if r.Image.Uid != nil {
		image.User.UID = &r.Image.Uid.Value
	}
	if p.Used != nil {
		p.Used(image.ID)
	}
	return image, true, nil
}

// mustWait returns the problem of the last pull while its back-off lasts.
func (p *Puller) mustWait(key string) *Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.backoffs[key]
	if b == nil {
		return nil
	}
	if wait := b.failed.Add(b.delay).Sub(p.Clock.Now()); wait > 0 {
		return &Problem{Message: b.message, Again: wait}
	}
	return nil
}

func (p *Puller) failed(key, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.backoffs == nil {
		p.backoffs = map[string]*backoff{}
	}
	b, now := p.backoffs[key], p.Clock.Now()
	if b == nil || now.Sub(b.failed) > backoffReset {
		b = &backoff{delay: backoffFirst}
		p.backoffs[key] = b
	} else {
		b.delay = min(2*b.delay, backoffMax)
	}
	b.failed, b.message = now, message
}
