package process

import (
	"context"
	"io"
	"log/slog"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// WithLogger sends everything that is logged, by libraries too, to w: one line an event, in key=value form.
func WithLogger(ctx context.Context, w io.Writer) context.Context {
	logger := logr.FromSlogHandler(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	return log.IntoContext(ctx, logger)
}
