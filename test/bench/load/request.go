package load

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// Number stands for the number of a call in paths and templates, which has as many digits.
const Number = "######"

// Request is one kind of call.
type Request struct {
	Method string
	// Path has Number where the number of the call belongs.
	Path                string
	ContentType, Accept string
	// Compression that is asked for, or none. What comes is not decompressed.
	Compression string
	// Body of a call; nil if there is none. It may be overwritten by the next.
	Body func(call int) []byte
	// Status that every answer must have.
	Status int
}

// Template is a body with Number in it, in whatever encoding: numbers are written over it in place.
func Template(data []byte) func(call int) []byte {
	data = slices.Clone(data)
	var places []int
	for from := 0; ; {
		at := bytes.Index(data[from:], []byte(Number))
		if at < 0 {
			break
		}
		places = append(places, from+at)
		from += at + len(Number)
	}
	return func(call int) []byte {
		digits := Numbered(Number, call)
		for _, at := range places {
			copy(data[at:], digits)
		}
		return data
	}
}

// Numbered is a text with the number of a call.
func Numbered(text string, call int) string {
	return strings.ReplaceAll(text, Number, fmt.Sprintf("%0*d", len(Number), call))
}

// encoded is a request whose headers are encoded once, but for the path and the length.
type encoded struct {
	Request
	light *Light
	// pseudo headers come before the path, the regular ones behind it.
	pseudo, regular []byte
	// begun is how many calls were. The first tells the server the headers, the second has what later ones have: where they are in its table.
	begun int
}

// start begins a call.
func (e *encoded) start(call int) error {
	if e.begun < 2 {
		e.encode()
		e.begun++
	}
	var body []byte
	if e.Body != nil {
		body = e.Body(call)
	}
	block := &e.light.block
	block.Reset()
	block.Write(e.pseudo)
	e.light.literal(":path", Numbered(e.Path, call))
	block.Write(e.regular)
	if e.Body != nil {
		e.light.literal("content-length", strconv.Itoa(len(body)))
	}
	return e.light.send(&stream{call: call, wanted: e.Status, since: time.Now(), left: body})
}

func (e *encoded) encode() {
	e.pseudo = e.light.indexed(":method", e.Method, ":scheme", "https", ":authority", e.light.host)
	regular := []string{"user-agent", rest.DefaultKubernetesUserAgent(), "accept", e.Accept}
	if e.Body != nil {
		regular = append(regular, "content-type", e.ContentType)
	}
	if e.Compression != "" {
		regular = append(regular, "accept-encoding", e.Compression)
	}
	e.regular = e.light.indexed(regular...)
}
