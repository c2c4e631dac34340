package warning

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/util/net"
)

// maxWarnings bounds what is sent of warnings, in characters.
const maxWarnings = 4096

// maxWarning bounds each of them once they are too many.
const maxWarning = 256

// warnings go into the header of the answer, as they come, each once. They are the context that has them, too.
type warnings struct {
	context.Context

	mu     sync.Mutex
	header http.Header
	sent   map[string]bool
	texts  []string
	size   int
	short  bool // they are cut
}

type warningsKey struct{}

// With returns a context whose warnings go into the header of an answer.
func With(ctx context.Context, header http.Header) context.Context {
	return &warnings{Context: ctx, header: header}
}

// Value implements context.Context.
func (w *warnings) Value(key any) any {
	if _, ok := key.(warningsKey); ok {
		return w
	}
	return w.Context.Value(key)
}

// AddAll adds each of the texts.
func AddAll(ctx context.Context, texts []string) {
	for _, text := range texts {
		Add(ctx, text)
	}
}

// Add sends the client a warning, if its answer has not begun.
func Add(ctx context.Context, text string) {
	w, ok := ctx.Value(warningsKey{}).(*warnings)
	if text = strings.ToValidUTF8(text, ""); !ok || text == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sent[text] {
		return
	}
	if w.sent == nil {
		w.sent = map[string]bool{}
	}
	w.sent[text] = true
	w.texts = append(w.texts, text)
	if w.short || w.size+len(text) <= maxWarnings {
		w.add(text)
		return
	}
	// All of them in full would be too much: start again with the beginning of each.
	w.short, w.size = true, 0
	w.header.Del("Warning")
	for _, text := range w.texts {
		w.add(text)
	}
}

func (w *warnings) add(text string) {
	if w.short {
		if runes := []rune(text); len(runes) > maxWarning {
			text = string(runes[:maxWarning])
		}
	}
	if w.size+len(text) > maxWarnings {
		return
	}
	header, err := net.NewWarningHeader(299, "-", text)
	if err != nil {
		return
	}
	w.size += len(text)
	w.header.Add("Warning", header)
}
