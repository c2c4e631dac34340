package zipped

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestStreamsAreGzip: what is put together of plain text and of parts is read back by the library, which checks size and checksum.
func TestStreamsAreGzip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	texts := []string{"", "a", strings.Repeat("pod ", 100), strings.Repeat("x", 3*mostStored), "the last"}
	long := make([]byte, 200_000)
	for i := range long {
		long[i] = byte(random.Uint32())
	}
	texts = append(texts, string(long))
	var parts []*Part
	for _, text := range texts {
		part, err := Compress(func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part)
	}
	for range 200 {
		var stream, want bytes.Buffer
		w := NewWriter(&stream)
		for range random.IntN(8) {
			i := random.IntN(len(texts))
			want.WriteString(texts[i])
			write := func() error { return w.Part(parts[i]) }
			if random.IntN(2) == 0 {
				write = func() error { return w.Plain([]byte(texts[i])) }
			}
			if err := write(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(&stream)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("%d bytes came back of %d: %v", len(got), want.Len(), err)
		}
	}
}

func TestWhatCannotBeWrittenIsNoPart(t *testing.T) {
	if _, err := Compress(func(io.Writer) error { return io.ErrShortWrite }); err == nil {
		t.Error("it is one")
	}
}
