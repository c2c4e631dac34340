package zipped

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Part is compressed, and looks back at nothing before itself.
type Part struct {
	data []byte // blocks of deflate that end at a whole byte
	size int    // before it was compressed
	sum  uint32 // of what it was
	by   uint32 // what the checksum of all before it is multiplied by
}

// deflaters compress parts.
//
// A pool holds memory, not state.
var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // the level is valid
	return w
}}

// Compress makes a part of what write writes.
func Compress(write func(io.Writer) error) (*Part, error) {
	var out bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	p := &measured{to: w}
	if err := write(p); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	return &Part{data: bytes.Clone(out.Bytes()), size: p.size, sum: p.sum, by: shiftBy(p.size)}, nil
}

// measured counts and sums up what is written.
type measured struct {
	to   io.Writer
	size int
	sum  uint32
}

// Write implements io.Writer.
func (m *measured) Write(data []byte) (int, error) {
	m.size += len(data)
	m.sum = crc32.Update(m.sum, crc32.IEEETable, data)
	return m.to.Write(data)
}

// Writer writes one stream.
type Writer struct {
	to    io.Writer
	size  uint32
	sum   uint32
	begun bool
}

// NewWriter returns a writer of a stream.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// head of a stream: deflate, nothing said of time and system.
const head = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"

// mostStored is how much fits into a block that is not compressed.
const mostStored = 1<<16 - 1

// Plain writes a little as it is.
func (w *Writer) Plain(data []byte) error {
	for len(data) > 0 {
		block := data[:min(len(data), mostStored)]
		data = data[len(block):]
		w.size += uint32(len(block))
		w.sum = crc32.Update(w.sum, crc32.IEEETable, block)
		if err := w.write(stored(false, len(block))); err != nil {
			return err
		}
		if err := w.write(block); err != nil {
			return err
		}
	}
	return nil
}

// Part writes what was compressed before.
func (w *Writer) Part(p *Part) error {
	w.size += uint32(p.size)
	w.sum = times(w.sum, p.by) ^ p.sum
	return w.write(p.data)
}

// Close ends the stream, and not what it was written to.
func (w *Writer) Close() error {
	end := binary.LittleEndian.AppendUint32(stored(true, 0), w.sum)
	return w.write(binary.LittleEndian.AppendUint32(end, w.size))
}

// stored begins a block that is not compressed.
func stored(last bool, size int) []byte {
	kind := byte(0)
	if last {
		kind = 1
	}
	return binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16([]byte{kind}, uint16(size)), ^uint16(size))
}

func (w *Writer) write(data []byte) error {
	if !w.begun {
		w.begun = true
		if _, err := io.WriteString(w.to, head); err != nil {
			return err
		}
	}
	_, err := w.to.Write(data)
	return err
}
