package imagepolicywebhook

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	imagepolicyv1alpha1 "k8s.io/api/imagepolicy/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient/reviews"
)

// Name of the plugin.
const Name = "ImagePolicyWebhook"

const (
	// told is in the keys of those annotations of a pod that the other server is told of.
	told = ".image-policy.k8s.io/"
	// audited begins the keys of the plugin's annotations of audit events.
	audited = "imagepolicywebhook.image-policy.k8s.io/"
	// ephemeral is the subresource by which containers are added to a pod that runs.
	ephemeral = "ephemeralcontainers"
	// patience is how long one attempt may take.
	patience = 30 * time.Second
	// maxRemembered is the size up to which a question is remembered, so that clients cannot fill the memory with long ones.
	maxRemembered = 10000
)

var pods = schema.GroupResource{Resource: "pods"}

// Plugin is ImagePolicyWebhook, which is off unless asked for.
type Plugin struct {
	settings
	client *reviews.Client
	clock  clock.PassiveClock
	known  auth.Bounded[[sha256.Size]byte, decided]
}

// decided is an answer of the other server.
type decided struct {
	status imagepolicyv1alpha1.ImageReviewStatus
	until  time.Time
}

// New returns the plugin as it is configured.
func New(ticks clock.PassiveClock, from *configuration.File) (*Plugin, error) {
	p := &Plugin{clock: ticks}
	var err error
	if p.settings, err = read(from); err == nil {
		p.client, err = reviews.New(p.kubeconfig, patience, p.pause, clock.RealClock{})
	}
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of the plugin %s: %w", Name, err)
	}
	return p, nil
}

// Validate asks about the images of a pod that it does not know the answer for. It comes behind all that may change them.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !a.Is(pods, "", admission.Create, admission.Update) && !a.Is(pods, ephemeral, admission.Create, admission.Update) {
		return nil
	}
	spec := specOf(a, pod)
	status, err := p.decide(ctx, spec)
	if err != nil {
		return p.undecided(a, err)
	}
	for key, value := range status.AuditAnnotations {
		a.AuditAnnotation(audited+key, value)
	}
	switch {
	case status.Allowed:
		return nil
	case status.Reason != "":
		return admission.Forbidden(a, fmt.Errorf("image policy webhook backend denied one or more images: %s", status.Reason))
	}
	return admission.Forbidden(a, errors.New("one or more images rejected by webhook backend"))
}

// undecided is what becomes of a pod about which nobody answered. That nobody did is told in the audit log alone.
func (p *Plugin) undecided(a *admission.Attributes, err error) error {
	if !p.failsOpen {
		return admission.Forbidden(a, err)
	}
	a.AuditAnnotation(audited+"failed-open", "true")
	return nil
}

// specOf is what the other server is told of a pod: all images, or those of ephemeral containers when these are what is written.
func specOf(a *admission.Attributes, pod *corev1.Pod) imagepolicyv1alpha1.ImageReviewSpec {
	spec := imagepolicyv1alpha1.ImageReviewSpec{Namespace: a.Namespace}
	add := func(image string) {
		spec.Containers = append(spec.Containers, imagepolicyv1alpha1.ImageReviewContainerSpec{Image: image})
	}
	if a.Subresource == ephemeral {
		for i := range pod.Spec.EphemeralContainers {
			add(pod.Spec.EphemeralContainers[i].Image)
		}
	} else {
		for i := range pod.Spec.Containers {
			add(pod.Spec.Containers[i].Image)
		}
		for i := range pod.Spec.InitContainers {
			add(pod.Spec.InitContainers[i].Image)
		}
	}
	for key, value := range pod.Annotations {
		if strings.Contains(key, told) {
			if spec.Annotations == nil {
				spec.Annotations = map[string]string{}
			}
			spec.Annotations[key] = value
		}
	}
	return spec
}

// decide asks the other server, or remembers what it said.
func (p *Plugin) decide(ctx context.Context, spec imagepolicyv1alpha1.ImageReviewSpec) (*imagepolicyv1alpha1.ImageReviewStatus, error) {
	question, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("encoding a review: %w", err)
	}
	key := sha256.Sum256(question)
	if known, ok := p.known.Get(key); ok && p.clock.Now().Before(known.until) {
		return &known.status, nil
	}
	review := imagepolicyv1alpha1.ImageReview{
		TypeMeta: metav1.TypeMeta{Kind: "ImageReview", APIVersion: imagepolicyv1alpha1.SchemeGroupVersion.String()}, Spec: spec,
	}
	var answer imagepolicyv1alpha1.ImageReview
	if err := p.client.Post(ctx, &review, &answer); err != nil {
		return nil, err
	}
	keep := p.denyFor
	if answer.Status.Allowed {
		keep = p.allowFor
	}
	if keep > 0 && len(question) <= maxRemembered {
		p.known.Put(key, decided{answer.Status, p.clock.Now().Add(keep)})
	}
	return &answer.Status, nil
}
