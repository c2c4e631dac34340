package answer

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/codec/zipped"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/runs"
)

// outputs are the buffers that lists are written through, and zippers what compresses them.
//
// Pools hold memory, not state.
var (
	outputs = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, outputSize) }}
	zippers = sync.Pool{New: func() any {
		zipper, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
		return zipper
	}}
)

// outputSize is what leaves at once. The kernel hands on up to 64 KiB of TCP in one piece, and each piece wakes the client: these are seven
// frames of HTTP/2 and with their records two large pieces, where 64 KiB were a large one and a small one.
const outputSize = 112 << 10

// minCompressed is the size from which compressing costs less than sending.
const minCompressed = 128 << 10

// worthCompressing says whether a list is large and the client takes it compressed.
func worthCompressing(r *http.Request, items [][][]byte) bool {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		return false
	}
	size := 0
	for _, run := range items {
		for _, item := range run {
			if size += len(item); size > minCompressed {
				return true
			}
		}
	}
	return false
}

// writeZipped compresses a list that others ask for as well, each run of it once.
func writeZipped(w io.Writer, list *codec.List, items *runs.List, media codec.Media) error {
	head, between, tail, err := list.Around(media)
	if err != nil {
		return err
	}
	out := newOutput(w, false)
	defer out.close()
	zip := zipped.NewWriter(out)
	if err := zip.Plain(head); err != nil {
		return err
	}
	for i, run := range items.Runs {
		if i > 0 {
			if err := zip.Plain([]byte(between)); err != nil {
				return err
			}
		}
		part, err := run.Zipped(func(data [][]byte) (*zipped.Part, error) {
			return zipped.Compress(func(to io.Writer) error { return list.WriteRun(to, media, data) })
		})
		if err != nil {
			return err
		}
		if err := zip.Part(part); err != nil {
			return err
		}
	}
	if err := zip.Plain([]byte(tail)); err != nil {
		return err
	}
	return zip.Close()
}

// output gathers small writes.
type output struct {
	*bufio.Writer
	zipper *gzip.Writer
}

func newOutput(to io.Writer, zip bool) *output {
	o := &output{Writer: outputs.Get().(*bufio.Writer)}
	if zip {
		o.zipper = zippers.Get().(*gzip.Writer)
		o.zipper.Reset(to)
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
