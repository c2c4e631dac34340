package load

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// protobufMagic is what an object in protobuf begins with.
const protobufMagic = "k8s\x00"

// FollowBindings hands the name and the node of each pod of a namespace that changes after a revision to see, until that has seen enough. It
// reads no more of an event than that: decoding whole pods takes a quarter of the time in which a server creates and binds them. A watch that
// the server ends is resumed at once, as informers do.
func FollowBindings(ctx context.Context, config *rest.Config, namespace, revision string, see func(name, node string) bool) error {
	c, err := Client(config, Protobuf)
	if err != nil {
		return err
	}
	f := follower{revision: revision, see: see}
	for {
		enough, err := f.follow(ctx, c, namespace)
		if enough || err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("watching pods: %w", err)
		}
	}
}

// follower of pods up to a revision.
type follower struct {
	revision string
	see      func(name, node string) bool
}

// follow reads one watch to its end, unless enough is seen before.
func (f *follower) follow(ctx context.Context, c kubernetes.Interface, namespace string) (bool, error) {
	stream, err := c.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").
		Param("watch", "true").Param("resourceVersion", f.revision).
		SetHeader("Accept", Protobuf+";stream=watch").Stream(ctx)
	if err != nil {
		return false, fmt.Errorf("watching pods after %s: %w", f.revision, err)
	}
	defer stream.Close()
	return f.read(bufio.NewReaderSize(stream, 64<<10))
}

// read reads events, each a length of four bytes and so many more, to the end.
func (f *follower) read(stream io.Reader) (bool, error) {
	var length [4]byte
	var event []byte
	for {
		if _, err := io.ReadFull(stream, length[:]); errors.Is(err, io.EOF) {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("reading an event: %w", err)
		}
		size := int(binary.BigEndian.Uint32(length[:]))
		if size > cap(event) {
			event = make([]byte, size)
		}
		event = event[:size]
		if _, err := io.ReadFull(stream, event); err != nil {
			return false, fmt.Errorf("reading an event of %d bytes: %w", size, err)
		}
		enough, err := f.take(event)
		if enough || err != nil {
			return enough, err
		}
	}
}

// take looks at one event.
func (f *follower) take(data []byte) (bool, error) {
	var event metav1.WatchEvent
	if err := event.Unmarshal(data); err != nil {
		return false, fmt.Errorf("decoding an event: %w", err)
	}
	if event.Type == string(watch.Error) {
		return false, fmt.Errorf("watching pods: %q", event.Object.Raw)
	}
	var object runtime.Unknown
	if len(event.Object.Raw) < len(protobufMagic) || string(event.Object.Raw[:len(protobufMagic)]) != protobufMagic {
		return false, fmt.Errorf("an event of %d bytes has no object in protobuf", len(data))
	}
	if err := object.Unmarshal(event.Object.Raw[len(protobufMagic):]); err != nil {
		return false, fmt.Errorf("decoding the object of an event: %w", err)
	}
	const metadata, spec, name, resourceVersion, nodeName = 1, 2, 1, 6, 10 // as generated.proto numbers them
	if f.revision = string(member(object.Raw, metadata, resourceVersion)); f.revision == "" {
		return false, errors.New("an event has a pod without a revision")
	}
	return f.see(string(member(object.Raw, metadata, name)), string(member(object.Raw, spec, nodeName))), nil
}

// member is a text or message in messages within each other, nil if it is not there.
func member(message []byte, path ...protowire.Number) []byte {
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return nil
		}
		size := protowire.ConsumeFieldValue(number, kind, message[tag:])
		if size < 0 {
			return nil
		}
		if number != path[0] || kind != protowire.BytesType {
			message = message[tag+size:]
			continue
		}
		value, _ := protowire.ConsumeBytes(message[tag:])
		if len(path) == 1 {
			return value
		}
		return member(value, path[1:]...)
	}
	return nil
}
