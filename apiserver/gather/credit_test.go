package gather

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	out := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(out, stream), payload...)
}

func update(stream, more uint32) []byte {
	return frame(updateType, 0, stream, binary.BigEndian.AppendUint32(nil, more))
}

// talking is a server's connection and a client all of whose records of a moment arrive in one piece.
func talking(t *testing.T) (server *Conn, say func(records ...[]byte)) {
	t.Helper()
	server, client, _ := pair(t)
	together := client.NetConn().(*corked)
	return server, func(records ...[]byte) {
		together.cork()
		for _, record := range records {
			if _, err := client.Write(record); err != nil {
				t.Error(err)
			}
		}
		if err := together.uncork(); err != nil {
			t.Error(err)
		}
	}
}

var preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// brief tells frames, and of window updates next to each other the sums for each stream.
func brief(t *testing.T, data []byte) (told []string, updates int) {
	t.Helper()
	data, ok := bytes.CutPrefix(data, preface)
	if !ok {
		t.Fatalf("no preface in front of %q", data[:min(len(data), 30)])
	}
	sums := map[uint32]uint64{}
	end := func() {
		for stream, sum := range sums {
			told = append(told, fmt.Sprintf("%d: %d more", stream, sum))
		}
		slices.Sort(told[len(told)-len(sums):])
		clear(sums)
	}
	for len(data) > 0 {
		size := headSize + int(data[0])<<16 + int(data[1])<<8 + int(data[2])
		one, stream := data[:size], binary.BigEndian.Uint32(data[5:])
		data = data[size:]
		if isUpdate(one) {
			updates++
			sums[stream] += uint64(increment(one))
			continue
		}
		end()
		told = append(told, fmt.Sprintf("%d: %x", stream, one))
	}
	end()
	return told, updates
}

func TestWindowUpdatesThatAreThereAreAddedUp(t *testing.T) {
	server, say := talking(t)
	records := [][]byte{preface, frame(4, 0, 0, nil)}
	for range 20 {
		records = append(records, append(update(0, 8192), update(3, 8192)...))
	}
	records = append(records, frame(1, 4, 5, []byte("request")), update(5, 1), update(5, 0), update(5, maxIncrement), update(5, maxIncrement))
	want := slices.Concat(records...)
	said := make(chan struct{})
	go func() {
		defer close(said)
		say(records...)
	}()
	last := frame(6, 0, 0, []byte("12345678"))
	var got []byte
	for !bytes.HasSuffix(got, update(5, maxIncrement)) || bytes.Count(got, update(5, maxIncrement)) < 2 {
		p := make([]byte, 4096)
		n, err := server.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p[:n]...)
	}
	wanted, _ := brief(t, want)
	told, updates := brief(t, got)
	if diff := cmp.Diff(wanted, told); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
	if updates > 20 {
		t.Errorf("%d window updates are left of 44", updates)
	}
	<-said
	go say(last) // nothing is kept back, and nothing hangs
	p := make([]byte, len(last))
	if _, err := io.ReadFull(server, p); err != nil || !bytes.Equal(p, last) {
		t.Errorf("read %x: %v", p, err)
	}
}

// Whatever frames come in whatever records and pieces, and however they are read, what they say is the same.
func TestFramesAnyhow(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		server, say := talking(t)
		all := slices.Clone(preface)
		for range 200 {
			if random.IntN(4) > 0 {
				all = append(all, update(uint32(random.IntN(3)), 1+random.Uint32N(1<<20))...)
			} else {
				all = append(all, frame(byte(random.IntN(7)), 0, uint32(random.IntN(5)), make([]byte, random.IntN(3000)))...)
			}
		}
		closing := frame(7, 0, 0, []byte("the end"))
		all = append(all, closing...)
		go func() {
			for rest := all; len(rest) > 0; {
				var records [][]byte
				for range 1 + random.IntN(30) {
					n := min(len(rest), (1+random.IntN(3))*updateSize)
					if random.IntN(10) == 0 {
						n = min(len(rest), 1+random.IntN(4000))
					}
					records, rest = append(records, rest[:n]), rest[n:]
				}
				say(records...)
			}
		}()
		var got []byte
		sizes := rand.New(rand.NewPCG(seed, 2))
		for !bytes.HasSuffix(got, closing) {
			p := make([]byte, []int{1, headSize, updateSize, 24, 1000, 5000}[sizes.IntN(6)])
			n, err := server.Read(p)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p[:n]...)
		}
		want, _ := brief(t, all)
		told, _ := brief(t, got)
		if diff := cmp.Diff(want, told); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

// A connection that is not of a Listener is read as it is.
func TestReadingWithoutAListener(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	if c := NewConn(tls.Server(ours, &tls.Config{})); c.reading != nil {
		t.Error("it claims to know what is there")
	}
}
