package apiserver

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/util/net"
)

// maxWarnings bounds what is sent of warnings, in characters.
const maxWarnings = 4096

// warnings go into the header of the answer, as they come, each once.
type warnings struct {
	mu     sync.Mutex
	header http.Header
	sent   map[string]bool
	size   int
}

type warningsKey struct{}

func withWarnings(ctx context.Context, header http.Header) context.Context {
	return context.WithValue(ctx, warningsKey{}, &warnings{header: header})
}

func warnAll(ctx context.Context, texts []string) {
	for _, text := range texts {
		warn(ctx, text)
	}
}

// warn sends the client a warning, if its answer has not begun.
func warn(ctx context.Context, text string) {
	w, ok := ctx.Value(warningsKey{}).(*warnings)
	if !ok || text == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sent[text] || w.size+len(text) > maxWarnings {
		return
	}
	header, err := net.NewWarningHeader(299, "-", strings.ToValidUTF8(text, ""))
	if err != nil {
		return
	}
	if w.sent == nil {
		w.sent = map[string]bool{}
	}
	w.sent[text] = true
	w.size += len(text)
	w.header.Add("Warning", header)
}
