package load

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// Follow hands every object of a watch after a revision to see, until that says that it has seen enough. A server may end
// a watch that it holds for slow; it is resumed at once, as informers do.
func Follow[T runtime.Object](ctx context.Context, options metav1.ListOptions, open func(context.Context, metav1.ListOptions) (watch.Interface, error), see func(T) bool) error {
	for {
		watching, err := open(ctx, options)
		if err != nil {
			return fmt.Errorf("watching after %s: %w", options.ResourceVersion, err)
		}
		enough, err := follow(watching, &options, see)
		watching.Stop()
		if enough || err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("watching: %w", err)
		}
	}
}

// follow reads one watch to its end and notes in the options how far it came.
func follow[T runtime.Object](watching watch.Interface, options *metav1.ListOptions, see func(T) bool) (bool, error) {
	for event := range watching.ResultChan() {
		if event.Type == watch.Error {
			return false, fmt.Errorf("watching: %w", apierrors.FromObject(event.Object))
		}
		object, err := meta.Accessor(event.Object)
		if err != nil {
			return false, err
		}
		options.ResourceVersion = object.GetResourceVersion()
		if typed, ok := event.Object.(T); ok && see(typed) {
			return true, nil
		}
	}
	return false, nil
}
