package read

import (
	"bytes"
	"context"
	"io"

	"golang.org/x/net/websocket"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// lengthPrefix is what a frame of protobuf begins with; a message of a websocket knows its length.
const lengthPrefix = 4

// watchSocket sends a watch as messages of a websocket, one for each event: text, or binary where the media type is. The
// error is why there is no watcher.
func (c Verbs) watchSocket(ctx context.Context, watcher *cache.Watcher, bookmarks bool, err error) error {
	server := websocket.Server{Handler: func(socket *websocket.Conn) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			defer cancel() // the client is gone, or this side has closed
			_, _ = io.Copy(io.Discard, socket)
		}()
		s := &stream{Verbs: c, socket: socket, bookmarks: bookmarks, counted: c.countWatch()}
		if err != nil {
			s.fail(err)
			return
		}
		s.run(ctx, watcher)
	}}
	server.ServeHTTP(c.W, c.R)
	return nil
}

// message is a frame as one message.
func (s *stream) message(media codec.Media, eventType string, object ...[]byte) error {
	var frame bytes.Buffer
	if err := codec.WriteFrame(&frame, media, eventType, object...); err != nil {
		return err
	}
	switch media {
	case codec.JSON:
		return websocket.Message.Send(s.socket, frame.String())
	case codec.CBOR:
		return websocket.Message.Send(s.socket, frame.Bytes())
	}
	return websocket.Message.Send(s.socket, frame.Bytes()[lengthPrefix:])
}
