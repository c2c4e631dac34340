package tokens

import (
	"context"
	"crypto"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
)

const (
	// DefaultSeconds is how long a token lasts for which no time is asked.
	DefaultSeconds = 60 * 60
	minSeconds     = 10 * 60
	maxSeconds     = 1 << 32
	// warnSeconds is what the ServiceAccount plugin asks for. Such tokens live a year, so that a client that
	// never reads its token file again goes on working, and say when they should have been renewed.
	warnSeconds     = 60*60 + 7
	extendedSeconds = 365 * 24 * 60 * 60
)

var (
	accounts = schema.GroupResource{Resource: "serviceaccounts"}
	pods     = schema.GroupResource{Resource: "pods"}
	secrets  = schema.GroupResource{Resource: "secrets"}
	nodes    = schema.GroupResource{Resource: "nodes"}
)

// Issuer answers TokenRequests, the token subresource of service accounts.
type Issuer struct {
	Lister auth.Lister
	Clock  clock.PassiveClock
	// Issuer is the iss claim: https://kubernetes.default.svc.cluster.local.
	Issuer string
	// Audiences are those of the API server, given to requests that name none.
	Audiences []string
	Key       crypto.Signer
	// MaxSeconds bounds the lifetime of tokens; 0 means no bound. NoExtension keeps the lifetime of tokens for
	// pods to what was asked for.
	MaxSeconds  int64
	NoExtension bool
}

// Issue answers a request for a token of the account.
func (i *Issuer) Issue(ctx context.Context, namespace, name string, request *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error) {
	account, ok, err := auth.Find[*corev1.ServiceAccount](ctx, i.Lister, accounts, namespace, name)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if !ok {
		return nil, apierrors.NewNotFound(accounts, name)
	}
	answer, err := i.prepare(account, request)
	if err != nil {
		return nil, err
	}
	bound, err := i.bind(ctx, account, answer.Spec.BoundObjectRef)
	if err != nil {
		return nil, err
	}
	seconds, warnAfter := i.lifetime(&answer.Spec, bound)
	now := i.Clock.Now()
	if warnAfter > 0 {
		bound.WarnAfter = jwt.NewNumericDate(now.Add(time.Duration(warnAfter) * time.Second))
	}
	key, err := newSigner(i.Key)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	registered := i.registered(account, now, seconds)
	answer.Status.Token, err = key.sign(claims{Claims: registered, Audience: answer.Spec.Audiences, Kubernetes: bound})
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	audit.Annotate(ctx, "authentication.kubernetes.io/issued-credential-id", "JTI="+registered.ID)
	answer.Status.ExpirationTimestamp = metav1.NewTime(now.Add(time.Duration(*answer.Spec.ExpirationSeconds) * time.Second))
	return answer, nil
}

func (i *Issuer) registered(account *corev1.ServiceAccount, now time.Time, seconds int64) jwt.Claims {
	return jwt.Claims{
		Issuer:    i.Issuer,
		Subject:   serviceaccount.MakeUsername(account.Namespace, account.Name),
		IssuedAt:  jwt.NewNumericDate(now),
		NotBefore: jwt.NewNumericDate(now),
		Expiry:    jwt.NewNumericDate(now.Add(time.Duration(seconds) * time.Second)),
		ID:        uuid.NewString(),
	}
}

// prepare checks the request and returns the answer without its status.
func (i *Issuer) prepare(account *corev1.ServiceAccount, request *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error) {
	if err := sameAccount(account, request); err != nil {
		return nil, err
	}
	answer := request.DeepCopy()
	answer.Name, answer.Namespace, answer.UID = account.Name, account.Namespace, account.UID
	answer.CreationTimestamp = metav1.NewTime(i.Clock.Now())
	if answer.Spec.ExpirationSeconds == nil {
		answer.Spec.ExpirationSeconds = new(int64)
		*answer.Spec.ExpirationSeconds = DefaultSeconds
	}
	if errs := validateSeconds(*answer.Spec.ExpirationSeconds); len(errs) > 0 {
		return nil, apierrors.NewInvalid(requestKind.GroupKind(), request.Name, errs)
	}
	if i.MaxSeconds > 0 && *answer.Spec.ExpirationSeconds > i.MaxSeconds {
		*answer.Spec.ExpirationSeconds = i.MaxSeconds
	}
	if len(answer.Spec.Audiences) == 0 {
		answer.Spec.Audiences = slices.Clone(i.Audiences)
	}
	return answer, nil
}

var requestKind = authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")

// sameAccount checks what the request itself says of the account, if it does.
func sameAccount(account *corev1.ServiceAccount, request *authenticationv1.TokenRequest) error {
	path := field.NewPath("metadata")
	if request.Name != "" && request.Name != account.Name {
		return apierrors.NewInvalid(requestKind.GroupKind(), account.Name,
			field.ErrorList{field.Invalid(path.Child("name"), request.Name, "must match the service account name if specified")})
	}
	if request.Namespace != "" && request.Namespace != account.Namespace {
		return apierrors.NewInvalid(requestKind.GroupKind(), account.Name,
			field.ErrorList{field.Invalid(path.Child("namespace"), request.Namespace, "must match the service account namespace if specified")})
	}
	if request.UID != "" && request.UID != account.UID {
		of := schema.GroupResource{Group: requestKind.Group, Resource: requestKind.Kind}
		return apierrors.NewConflict(of, account.Name, fmt.Errorf(
			"the UID in the token request (%s) does not match the UID of the service account (%s)", request.UID, account.UID))
	}
	return nil
}

func validateSeconds(seconds int64) field.ErrorList {
	path := field.NewPath("spec", "expirationSeconds")
	switch {
	case seconds < minSeconds:
		return field.ErrorList{field.Invalid(path, seconds, "may not specify a duration less than 10 minutes")}
	case seconds > maxSeconds:
		return field.ErrorList{field.Invalid(path, seconds, "may not specify a duration larger than 2^32 seconds")}
	}
	return nil
}

// lifetime in seconds, and after how many to warn (0: never).
func (i *Issuer) lifetime(spec *authenticationv1.TokenRequestSpec, bound *kubernetesClaims) (seconds, warnAfter int64) {
	seconds = *spec.ExpirationSeconds
	if i.NoExtension || bound.Pod == nil || seconds != warnSeconds {
		return seconds, 0
	}
	if slices.ContainsFunc(spec.Audiences, func(one string) bool { return !slices.Contains(i.Audiences, one) }) {
		return seconds, 0
	}
	return extendedSeconds, seconds
}

// bind returns the claims that tie the token to its account and to the object that it asks to end with.
func (i *Issuer) bind(ctx context.Context, account *corev1.ServiceAccount, to *authenticationv1.BoundObjectReference) (*kubernetesClaims, error) {
	bound := &kubernetesClaims{
		Namespace: account.Namespace, ServiceAccount: reference{Name: account.Name, UID: string(account.UID)},
	}
	if to == nil {
		return bound, nil
	}
	var err error
	kind := schema.FromAPIVersionAndKind(to.APIVersion, to.Kind)
	switch kind.GroupKind() { // in whichever version
	case schema.GroupKind{Kind: "Pod"}:
		bound.Pod, bound.Node, err = i.bindPod(ctx, account, to)
	case schema.GroupKind{Kind: "Secret"}:
		bound.Secret, err = bindTo[*corev1.Secret](ctx, i, secrets, account.Namespace, to)
	case schema.GroupKind{Kind: "Node"}:
		bound.Node, err = bindTo[*corev1.Node](ctx, i, nodes, "", to)
	default:
		err = apierrors.NewBadRequest(fmt.Sprintf("cannot bind token to object of type %s", kind))
	}
	return bound, err
}

// bindPod names the pod and, once it is scheduled, its node.
func (i *Issuer) bindPod(ctx context.Context, account *corev1.ServiceAccount, to *authenticationv1.BoundObjectReference) (pod, node *reference, err error) {
	if pod, err = bindTo[*corev1.Pod](ctx, i, pods, account.Namespace, to); err != nil {
		return nil, nil, err
	}
	found, ok := auth.Get[*corev1.Pod](i.Lister, pods, account.Namespace, to.Name)
	if !ok {
		return nil, nil, apierrors.NewNotFound(pods, to.Name)
	}
	if found.Spec.ServiceAccountName != account.Name {
		return nil, nil, apierrors.NewBadRequest(fmt.Sprintf(
			"cannot bind token for serviceaccount %q to pod running with different serviceaccount name.", account.Name))
	}
	if name := found.Spec.NodeName; name != "" {
		node = &reference{Name: name}
		if found, ok := auth.Get[*corev1.Node](i.Lister, nodes, "", name); ok {
			node.UID = string(found.UID)
		}
	}
	return pod, node, nil
}

func bindTo[T resource.Object](ctx context.Context, i *Issuer, of schema.GroupResource, namespace string, to *authenticationv1.BoundObjectReference) (*reference, error) {
	found, ok, err := auth.Find[T](ctx, i.Lister, of, namespace, to.Name)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if !ok {
		return nil, apierrors.NewNotFound(of, to.Name)
	}
	if to.UID != "" && to.UID != found.GetUID() {
		return nil, conflict(to.Kind, to.Name, to.UID)
	}
	return &reference{Name: found.GetName(), UID: string(found.GetUID())}, nil
}

func conflict(kind, name string, uid types.UID) error {
	return apierrors.NewConflict(schema.GroupResource{Resource: kind}, name, fmt.Errorf(
		"the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", uid))
}
