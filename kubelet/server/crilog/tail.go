package crilog

import (
	"bytes"
	"errors"
	"io"
)

const tailBlock = 64 << 10

// tailStart finds the offset from which the last n lines of the stream ("" for both) are read. Lines that were written
// in parts count once. It reads backwards, so its cost depends on n and not on the size of the file.
func tailStart(file io.ReaderAt, size, n int64, stream string) (int64, error) {
	if n <= 0 {
		return size, nil
	}
	back := &backReader{file: file, start: size}
	found := int64(0)
	end := size
	last := true
	for end > 0 {
		start, line, err := back.line(end)
		if err != nil {
			return 0, err
		}
		e, err := parse(line)
		if err == nil && (stream == "" || e.stream == stream) {
			// An entry that ends a line, or a last part whose line never ended, begins one more line backwards.
			if !e.partial || last {
				if found == n {
					return end, nil
				}
				found++
			}
			last = false
		}
		end = start
	}
	return 0, nil
}

// backReader holds file[start:start+len(data)], growing towards the front.
type backReader struct {
	file  io.ReaderAt
	start int64
	data  []byte
}

// line returns the line that ends at offset end (its newline included, where there is one).
func (b *backReader) line(end int64) (int64, []byte, error) {
	b.data = b.data[:end-b.start]
	for {
		if len(b.data) > 0 {
			if at := bytes.LastIndexByte(b.data[:len(b.data)-1], '\n'); at >= 0 {
				return b.start + int64(at) + 1, b.data[at+1:], nil
			}
		}
		if b.start == 0 {
			return 0, b.data, nil
		}
		size := min(b.start, tailBlock)
		block := make([]byte, size, size+int64(len(b.data)))
		if _, err := b.file.ReadAt(block, b.start-size); err != nil && !errors.Is(err, io.EOF) {
			return 0, nil, err
		}
		b.data = append(block, b.data...)
		b.start -= size
	}
}
