package crilog

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

var errFormat = errors.New("unexpected log entry")

// entry is one line of a log file. Its slices point into the buffer it was parsed from.
type entry struct {
	stamp   []byte
	stream  string
	partial bool
	content []byte // with its newline, unless partial
}

func parse(line []byte) (entry, error) {
	stamp, rest, ok := bytes.Cut(line, []byte{' '})
	if !ok {
		return entry{}, fmt.Errorf("%w: no timestamp", errFormat)
	}
	stream, rest, ok := bytes.Cut(rest, []byte{' '})
	if !ok {
		return entry{}, fmt.Errorf("%w: no stream", errFormat)
	}
	tags, content, ok := bytes.Cut(rest, []byte{' '})
	if !ok {
		return entry{}, fmt.Errorf("%w: no tag", errFormat)
	}
	e := entry{stamp: stamp, content: content}
	switch string(stream) {
	case "stdout", "stderr":
		e.stream = string(stream)
	default:
		return entry{}, fmt.Errorf("%w: stream %q", errFormat, stream)
	}
	first, _, _ := bytes.Cut(tags, []byte{':'})
	if e.partial = string(first) == "P"; e.partial {
		e.content = bytes.TrimSuffix(content, []byte{'\n'})
	}
	return e, nil
}

func (e entry) before(since time.Time) bool {
	stamp, err := time.Parse(time.RFC3339Nano, string(e.stamp))
	return err == nil && stamp.Before(since)
}
