package gather

import (
	"crypto/tls"
	"encoding/binary"
	"math"
)

// A frame of HTTP/2 has a head of nine bytes: the length of its payload in three of them, a type, flags and a stream. That of a window
// update has a payload of four: by how much more may be sent.
const (
	headSize     = 9
	updateSize   = headSize + 4
	updateType   = 8
	prefaceSize  = 24 // what a client says before its first frame
	maxIncrement = math.MaxInt32
)

// reading is what a client sends, with window updates that are there at the same time added up: a client that reads an answer sends two for
// each 8 KiB of it, the server takes microseconds for each, and behind them waits the client's next request. What is there is what TLS
// has taken from the kernel; nothing waits for more. All other frames pass as they are, and nothing changes places with one of them.
type reading struct {
	from    *tls.Conn
	below   *corked
	pending []byte // to be handed on; in buffer or sums
	next    []byte // behind pending
	buffer  []byte // what was read
	sums    []byte // the window updates of several records, one for each stream
	place   place
}

func newReading(c *tls.Conn) *reading {
	below, ok := c.NetConn().(*corked)
	if !ok {
		return nil // nobody could say what is there
	}
	return &reading{from: c, below: below, place: place{rest: prefaceSize}}
}

func (r *reading) Read(p []byte) (int, error) {
	if len(r.pending) == 0 && len(r.next) == 0 {
		if r.place.rest >= len(p) && len(p) > updateSize { // of a body
			n, err := r.from.Read(p)
			r.place.pass(p[:n])
			return n, err
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	if len(r.pending) == 0 {
		r.pending, r.next = r.next, nil
	}
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	return n, nil
}

// fill reads a record, or, while they have nothing but window updates, all that are there.
func (r *reading) fill() error {
	if r.buffer == nil {
		r.buffer = make([]byte, 64*updateSize)
	}
	n, err := r.from.Read(r.buffer)
	if n == 0 {
		return err
	}
	r.sums = r.sums[:0]
	for n > 0 && r.place.between() && r.add(r.buffer[:n]) {
		r.below.waitless = true
		n, _ = r.from.Read(r.buffer) // an error is there for the next who asks, too
		r.below.waitless = false
	}
	r.place.pass(r.buffer[:n])
	r.pending, r.next = r.sums, r.buffer[:n]
	return nil
}

// add adds window updates to the sums. It tells whether data was nothing else.
func (r *reading) add(data []byte) bool {
	if len(data)%updateSize != 0 {
		return false
	}
	for at := 0; at < len(data); at += updateSize {
		// Reserved bits, flags and nothing at all as an increment are for those to judge who serve HTTP/2.
		if !isUpdate(data[at:]) {
			return false
		}
	}
	for ; len(data) > 0; data = data[updateSize:] {
		r.addOne(data[:updateSize])
	}
	return true
}

// addOne looks among the last few streams only: few are read at a time.
func (r *reading) addOne(update []byte) {
	const few = 8 * updateSize
	for at := len(r.sums) - updateSize; at >= max(0, len(r.sums)-few); at -= updateSize {
		sum := r.sums[at : at+updateSize]
		if [headSize]byte(sum) != [headSize]byte(update) {
			continue
		}
		if total := uint64(increment(sum)) + uint64(increment(update)); total <= maxIncrement {
			binary.BigEndian.PutUint32(sum[headSize:], uint32(total))
			return
		}
		break
	}
	r.sums = append(r.sums, update...)
}

func increment(update []byte) uint32 { return binary.BigEndian.Uint32(update[headSize:]) }

func isUpdate(frame []byte) bool {
	return [5]byte(frame) == [5]byte{0, 0, updateSize - headSize, updateType, 0} && frame[5] < 0x80 && increment(frame) > 0 && increment(frame) <= maxIncrement
}

// place in a stream of frames.
type place struct {
	rest int // bytes that the frame still has, or the preface
	head [headSize]byte
	have int // bytes of the next head
}

// between frames.
func (p *place) between() bool { return p.rest == 0 && p.have == 0 }

func (p *place) pass(data []byte) {
	for len(data) > 0 {
		if p.rest > 0 {
			n := min(p.rest, len(data))
			p.rest -= n
			data = data[n:]
			continue
		}
		n := copy(p.head[p.have:], data)
		p.have += n
		data = data[n:]
		if p.have == headSize {
			p.rest, p.have = int(p.head[0])<<16|int(p.head[1])<<8|int(p.head[2]), 0
		}
	}
}
