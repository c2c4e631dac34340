package etcdlog

import (
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/go-logr/logr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Quiet returns etcd's logger: warnings and errors go to the given one, the rest only when that is verbose.
func Quiet(to logr.Logger) *zap.Logger {
	level := zapcore.WarnLevel
	switch {
	case to.V(4).Enabled():
		level = zapcore.InfoLevel
	case !to.V(1).Enabled():
		level = zapcore.ErrorLevel
	}
	return zap.New(&core{to: to, level: level}, zap.WithFatalHook(zapcore.WriteThenPanic))
}

// core is a zap core that writes to a logr.Logger.
type core struct {
	to     logr.Logger
	level  zapcore.Level
	fields []zapcore.Field
}

func (c *core) Enabled(l zapcore.Level) bool { return l >= c.level }

func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{to: c.to, level: c.level, fields: append(c.fields[:len(c.fields):len(c.fields)], fields...)}
}

func (c *core) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	values := zapcore.NewMapObjectEncoder()
	var cause error
	for _, f := range append(c.fields[:len(c.fields):len(c.fields)], fields...) {
		if err, ok := f.Interface.(error); ok && f.Type == zapcore.ErrorType {
			cause = err
			continue
		}
		f.AddTo(values)
	}
	pairs := make([]any, 0, 2*len(values.Fields))
	for k, v := range values.Fields {
		pairs = append(pairs, k, v)
	}
	switch {
	case isExpected(e.Message, cause):
		c.to.V(1).Info(e.Message, append(pairs, "err", cause)...)
	case e.Level >= zapcore.ErrorLevel:
		c.to.Error(cause, e.Message, pairs...)
	case e.Level == zapcore.WarnLevel:
		c.to.V(1).Info(e.Message, append(pairs, "err", cause)...)
	default:
		c.to.V(4).Info(e.Message, pairs...)
	}
	return nil
}

// isExpected knows the errors that etcd logs where nothing is wrong, each by its message and its cause.
func isExpected(message string, cause error) bool {
	if cause == nil {
		return false
	}
	switch message {
	case "failed to update storage version":
		// A new member has stored no term yet; etcd tries again until it has.
		return strings.Contains(cause.Error(), "missing term information")
	case "setting up serving from embedded etcd failed.":
		// The member was closed while it served.
		return errors.Is(cause, http.ErrServerClosed) || errors.Is(cause, net.ErrClosed) ||
			cause.Error() == "mux: server closed" || cause.Error() == "grpc: the server has been stopped"
	}
	return false
}

func (c *core) Sync() error { return nil }
