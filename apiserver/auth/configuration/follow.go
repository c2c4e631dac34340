package configuration

import (
	"bytes"
	"context"
	"errors"
	"os"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
	"github.com/coxswain-k8s/coxswain/apiserver/follow"
)

// File is a configuration that is taken into use anew whenever its content changes.
type File struct {
	Path string
	// Content that is in use.
	Content []byte
	// Apply takes content into use, or says why it cannot be; then what was before remains.
	Apply   func(ctx context.Context, data []byte) error
	Clock   clock.Clock
	Metrics authmetrics.Configuration
}

// Follow reads the file whenever it may have changed, until ctx ends. What goes wrong with it, or with the watching of it, ends nothing:
// what was in use remains.
func (f *File) Follow(ctx context.Context) error {
	for range follow.Changes(ctx, f.Path, f.Clock) {
		f.read(ctx)
	}
	return nil
}

func (f *File) read(ctx context.Context) {
	data, err := os.ReadFile(f.Path)
	if errors.Is(err, os.ErrNotExist) || len(data) == 0 && err == nil {
		return // it is being replaced
	}
	if err == nil && bytes.Equal(data, f.Content) {
		return
	}
	if err == nil {
		f.Content = data
		err = f.Apply(ctx, data)
	}
	f.Metrics.Reloaded(f.Clock.Now(), data, err)
	if err != nil {
		log.FromContext(ctx).Error(err, "A changed configuration was not taken into use", "file", f.Path)
		return
	}
	log.FromContext(ctx).Info("A changed configuration was taken into use", "file", f.Path)
}
