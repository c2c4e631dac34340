package apiserver

import (
	"bufio"
	"io"
	"net/http"
	"sync"
)

// outputs are the buffers that lists are written through.
var outputs = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 64<<10) }}

// output gathers small writes.
type output struct {
	*bufio.Writer
}

func newOutput(w http.ResponseWriter) *output {
	buffer := outputs.Get().(*bufio.Writer)
	buffer.Reset(w)
	return &output{buffer}
}

func (o *output) close() {
	_ = o.Flush() // a client that is gone misses nothing
	o.Reset(nil)
	outputs.Put(o.Writer)
}

var _ io.Writer = &output{}
