package fuzzing

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// NewClient returns a client that answers at random: any object, under the name that was asked for or not, or none; a write
// succeeds, meets a conflict, finds nothing there or fails. It knows the kinds of scheme.
func (s *Source) NewClient(scheme *runtime.Scheme) client.WithWatch {
	write := func(name string) error {
		kind := schema.GroupResource{Resource: "things"}
		switch s.below(8) {
		case 0:
			return apierrors.NewConflict(kind, name, errors.New("it was changed"))
		case 1:
			return apierrors.NewNotFound(kind, name)
		case 2:
			return errors.New("no answer")
		case 3:
			return apierrors.NewAlreadyExists(kind, name)
		}
		return nil
	}
	return interceptor.NewClient(fake.NewClientBuilder().WithScheme(scheme).Build(), interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
			if err := write(key.Name); err != nil {
				return err
			}
			kind := into.GetObjectKind().GroupVersionKind()
			s.Fill(into)
			into.GetObjectKind().SetGroupVersionKind(kind)
			if s.below(4) > 0 {
				into.SetNamespace(key.Namespace)
				into.SetName(key.Name)
			}
			return nil
		},
		List: func(_ context.Context, _ client.WithWatch, into client.ObjectList, _ ...client.ListOption) error {
			if s.below(8) == 0 {
				return errors.New("no answer")
			}
			kind := into.GetObjectKind().GroupVersionKind()
			s.Fill(into)
			into.GetObjectKind().SetGroupVersionKind(kind)
			into.SetContinue("") // it ends
			return nil
		},
		Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
			return write(o.GetName())
		},
		Delete: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.DeleteOption) error {
			return write(o.GetName())
		},
		DeleteAllOf: func(context.Context, client.WithWatch, client.Object, ...client.DeleteAllOfOption) error {
			return write("")
		},
		Update: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.UpdateOption) error {
			return write(o.GetName())
		},
		Patch: func(_ context.Context, _ client.WithWatch, o client.Object, p client.Patch, _ ...client.PatchOption) error {
			if _, err := p.Data(o); err != nil {
				return err
			}
			return write(o.GetName())
		},
		SubResourceUpdate: func(_ context.Context, _ client.Client, _ string, o client.Object, _ ...client.SubResourceUpdateOption) error {
			return write(o.GetName())
		},
		SubResourcePatch: func(_ context.Context, _ client.Client, _ string, o client.Object, p client.Patch, _ ...client.SubResourcePatchOption) error {
			if _, err := p.Data(o); err != nil {
				return err
			}
			return write(o.GetName())
		},
	})
}
