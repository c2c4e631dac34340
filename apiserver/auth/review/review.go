package review

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/clock"
)

// Func answers one posted object. The asking user is in ctx (auth.WithUser); the answer is a new object.
type Func = func(ctx context.Context, namespace string, obj runtime.Object) (runtime.Object, error)

// Reviewer answers reviews.
type Reviewer struct {
	Tokens     authenticator.Token
	Audiences  authenticator.Audiences // of the API server, for reviews that name none
	Authorizer authorizer.Authorizer
	Rules      authorizer.RuleResolver
	Clock      clock.PassiveClock
}

// Funcs returns the answers by resource.
func (r *Reviewer) Funcs() map[schema.GroupResource]Func {
	authentication := func(name string) schema.GroupResource {
		return schema.GroupResource{Group: authenticationv1.GroupName, Resource: name}
	}
	authorization := func(name string) schema.GroupResource {
		return schema.GroupResource{Group: authorizationv1.GroupName, Resource: name}
	}
	return map[schema.GroupResource]Func{
		authentication("tokenreviews"):             typed(r.token),
		authentication("selfsubjectreviews"):       typed(r.self),
		authorization("subjectaccessreviews"):      typed(r.subjectAccess),
		authorization("localsubjectaccessreviews"): typed(r.localSubjectAccess),
		authorization("selfsubjectaccessreviews"):  typed(r.selfAccess),
		authorization("selfsubjectrulesreviews"):   typed(r.selfRules),
	}
}

type copyable[T any] interface {
	runtime.Object
	DeepCopy() T
}

// typed lets a function that fills in an object of one type be called with any.
func typed[T copyable[T]](answer func(ctx context.Context, namespace string, obj T) error) Func {
	return func(ctx context.Context, namespace string, obj runtime.Object) (runtime.Object, error) {
		given, ok := obj.(T)
		if !ok {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("not a %T: %T", *new(T), obj))
		}
		copied := given.DeepCopy()
		if err := answer(ctx, namespace, copied); err != nil {
			return nil, err
		}
		return copied, nil
	}
}

func (r *Reviewer) now() metav1.Time { return metav1.NewTime(r.Clock.Now()) }
