package audit

import (
	"encoding/json"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/go-logr/logr"
	"gopkg.in/natefinch/lumberjack.v2"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// File is a Sink of one JSON object a line. Its exported fields are inputs.
type File struct {
	// Path of the file; "-" is standard output, which is never rotated.
	Path string
	// MaxAge in days, MaxBackups and MaxSize in mebibytes rotate it; 0 means never by that measure, and a size of 100.
	MaxAge, MaxBackups, MaxSize int
	// Compress rotated files by gzip.
	Compress bool
	// Logger says what could not be written.
	Logger logr.Logger

	mu     sync.Mutex
	out    io.Writer
	failed atomic.Int64
}

func (f *File) failures() (string, int64) { return "log", f.failed.Load() }

// Open makes the file, readable by its owner alone.
func (f *File) Open() error {
	if f.Path == "-" {
		f.out = os.Stdout
		return nil
	}
	file, err := os.OpenFile(f.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.out = &lumberjack.Logger{Filename: f.Path, MaxAge: f.MaxAge, MaxBackups: f.MaxBackups, MaxSize: f.MaxSize, Compress: f.Compress}
	return file.Close()
}

// Close ends the writing.
func (f *File) Close() error {
	if closer, ok := f.out.(*lumberjack.Logger); ok {
		return closer.Close()
	}
	return nil
}

// Write implements Sink.
func (f *File) Write(event *auditv1.Event) {
	line, err := json.Marshal(event)
	if err == nil {
		f.mu.Lock()
		_, err = f.out.Write(append(line, '\n'))
		f.mu.Unlock()
	}
	if err != nil {
		f.failed.Add(1)
		f.Logger.Error(err, "Writing an audit event failed", "auditID", event.AuditID, "requestURI", event.RequestURI)
	}
}
