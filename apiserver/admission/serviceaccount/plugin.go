package serviceaccount

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

const (
	defaultAccount = "default"
	// patience is how long a pod waits for the default account of a namespace that was made just now.
	patience = 1500 * time.Millisecond
)

var (
	pods            = schema.GroupResource{Resource: "pods"}
	serviceAccounts = schema.GroupResource{Resource: "serviceaccounts"}
)

// Plugin is ServiceAccount.
type Plugin struct {
	Lister admission.Lister
	// Await returns once the object is in the view of Lister, or ctx's error. Nil: nobody waits for the
	// default account of a new namespace.
	Await func(ctx context.Context, of schema.GroupResource, namespace, name string) error
}

// Admit fills in the account, its token and its image pull secrets.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || !a.Is(pods, "", admission.Create) || isMirror(pod) {
		return nil
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = defaultAccount
	}
	pod.Spec.DeprecatedServiceAccount = pod.Spec.ServiceAccountName
	account, err := p.account(ctx, a, pod)
	if err != nil {
		return err
	}
	if mountsToken(account, pod) {
		mountToken(pod)
	}
	if len(pod.Spec.ImagePullSecrets) == 0 {
		pod.Spec.ImagePullSecrets = append([]corev1.LocalObjectReference{}, account.ImagePullSecrets...)
	}
	return nil
}

// Validate refuses what the account does not allow.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok {
		return nil
	}
	switch {
	case a.Is(pods, "", admission.Create):
	case a.Is(pods, "ephemeralcontainers", admission.Update):
	default:
		return nil
	}
	if isMirror(pod) {
		return validateMirror(a, pod)
	}
	account, err := p.account(ctx, a, pod)
	if err != nil {
		return err
	}
	if account.Annotations["kubernetes.io/enforce-mountable-secrets"] != "true" {
		return nil
	}
	check := checkMountable
	if a.Subresource == "ephemeralcontainers" {
		check = checkEphemeral
	}
	if err := check(account, pod); err != nil {
		return admission.Forbidden(a, err)
	}
	return nil
}

func (p *Plugin) account(ctx context.Context, a *admission.Attributes, pod *corev1.Pod) (*corev1.ServiceAccount, error) {
	name := pod.Spec.ServiceAccountName
	account, ok, err := auth.Find[*corev1.ServiceAccount](ctx, p.Lister, serviceAccounts, a.Namespace, name)
	if err == nil && !ok && name == defaultAccount && p.Await != nil {
		wait, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if p.Await(wait, serviceAccounts, a.Namespace, name) == nil {
			account, ok = auth.Get[*corev1.ServiceAccount](p.Lister, serviceAccounts, a.Namespace, name)
		}
	}
	if err == nil && !ok {
		err = apierrors.NewNotFound(schema.GroupResource{Resource: "serviceaccount"}, name)
	}
	if err != nil {
		return nil, admission.Forbidden(a, fmt.Errorf("error looking up service account %s/%s: %w", a.Namespace, name, err))
	}
	return account, nil
}

func isMirror(pod *corev1.Pod) bool {
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	return mirror
}

func validateMirror(a *admission.Attributes, pod *corev1.Pod) error {
	if pod.Spec.ServiceAccountName != "" {
		return admission.Forbidden(a, errors.New("a mirror pod may not reference service accounts"))
	}
	if refersToSecret(pod) {
		return admission.Forbidden(a, errors.New("a mirror pod may not reference secrets"))
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.ServiceAccountToken != nil {
				return admission.Forbidden(a, errors.New("a mirror pod may not use ServiceAccountToken volume projections"))
			}
		}
	}
	return nil
}
