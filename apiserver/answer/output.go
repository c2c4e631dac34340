package answer

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// outputs are the buffers that lists are written through, and zippers what compresses them.
//
// Pools hold memory, not state.
var (
	outputs = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 64<<10) }}
	zippers = sync.Pool{New: func() any {
		zipper, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
		return zipper
	}}
)

// minCompressed is the size from which compressing costs less than sending.
const minCompressed = 128 << 10

// worthCompressing says whether a list is large and the client takes it compressed.
func worthCompressing(r *http.Request, items [][]byte) bool {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		return false
	}
	size := 0
	for _, item := range items {
		if size += len(item); size > minCompressed {
			return true
		}
	}
	return false
}

// output gathers small writes.
type output struct {
	*bufio.Writer
	zipper *gzip.Writer
}

func newOutput(w http.ResponseWriter, zip bool) *output {
	o := &output{Writer: outputs.Get().(*bufio.Writer)}
	var to io.Writer = w
	if zip {
		o.zipper = zippers.Get().(*gzip.Writer)
		o.zipper.Reset(w)
		to = o.zipper
	}
	o.Reset(to)
	return o
}

// close sends what is left. It fails only when the client is gone, and nobody can be told any more.
func (o *output) close() {
	_ = o.Flush()
	o.Reset(nil)
	outputs.Put(o.Writer)
	if o.zipper != nil {
		_ = o.zipper.Close()
		o.zipper.Reset(nil)
		zippers.Put(o.zipper)
	}
}
