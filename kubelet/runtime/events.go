package runtime

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Event says that something of a pod changed in the runtime.
type Event struct {
	Pod         types.UID
	ContainerID string
	Type        runtimeapi.ContainerEventType
}

// Watch streams the runtime's events to handle until the stream breaks or ctx ends. Connected is called when the stream
// stands; what happened before must be listed then.
func (c *Client) Watch(ctx context.Context, connected func(), handle func(Event)) error {
	stream, err := c.GetContainerEvents(ctx, &runtimeapi.GetEventsRequest{})
	if err != nil {
		return fmt.Errorf("opening the event stream: %w", err)
	}
	connected()
	for {
		e, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("reading the event stream: %w", err)
		}
		handle(Event{Pod: types.UID(e.GetPodSandboxStatus().GetMetadata().GetUid()), ContainerID: e.ContainerId, Type: e.ContainerEventType})
	}
}
