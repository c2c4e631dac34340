package runtime

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const maxMessage = 16 << 20

// Client talks to one container runtime. The embedded clients are CRI's own; the methods here add what the kubelet
// needs of several calls together.
type Client struct {
	runtimeapi.RuntimeServiceClient
	Images runtimeapi.ImageServiceClient
	// Name is the runtime's name ("containerd"), Version its version. Known after Ready.
	Name, Version string

	conn     *grpc.ClientConn
	answered atomic.Int64 // when it last told its status
}

// Connect prepares a client of the socket at endpoint (a path or unix:// URL). It connects when first used, and again
// whenever the runtime comes back.
func Connect(endpoint string) (*Client, error) {
	path := strings.TrimPrefix(endpoint, "unix://")
	conn, err := grpc.NewClient("unix:"+path,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("localhost"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 2 * time.Second,
		}))
	if err != nil {
		return nil, fmt.Errorf("connecting to the container runtime at %s: %w", endpoint, err)
	}
	return &Client{RuntimeServiceClient: runtimeapi.NewRuntimeServiceClient(conn), Images: runtimeapi.NewImageServiceClient(conn), conn: conn}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Ready waits until the runtime answers, and learns its name.
func (c *Client) Ready(ctx context.Context) error {
	v, err := c.RuntimeServiceClient.Version(ctx, &runtimeapi.VersionRequest{}, grpc.WaitForReady(true))
	if err != nil {
		return fmt.Errorf("asking the container runtime for its version: %w", err)
	}
	c.Name, c.Version = v.RuntimeName, v.RuntimeVersion
	return nil
}

// ListContainerStats returns the runtime's figures of the containers that match.
func (c *Client) ListContainerStats(ctx context.Context, filter *runtimeapi.ContainerStatsFilter) ([]*runtimeapi.ContainerStats, error) {
	r, err := c.RuntimeServiceClient.ListContainerStats(ctx, &runtimeapi.ListContainerStatsRequest{Filter: filter})
	if err != nil {
		return nil, fmt.Errorf("listing container statistics: %w", err)
	}
	return r.Stats, nil
}

// ImageFsInfo returns the use of the image file system.
func (c *Client) ImageFsInfo(ctx context.Context) (*runtimeapi.ImageFsInfoResponse, error) {
	return c.Images.ImageFsInfo(ctx, &runtimeapi.ImageFsInfoRequest{})
}

// ImageMountpoint is where the file system of the images is mounted.
func (c *Client) ImageMountpoint(ctx context.Context) (string, error) {
	info, err := c.ImageFsInfo(ctx)
	if err != nil {
		return "", fmt.Errorf("asking for the file system of the images: %w", err)
	}
	if len(info.ImageFilesystems) == 0 {
		return "", errors.New("the container runtime names no file system of images")
	}
	return info.ImageFilesystems[0].GetFsId().GetMountpoint(), nil
}

// patience is how long a runtime that does not answer, because it is being restarted say, counts as ready: its containers run on.
const patience = 30 * time.Second

// Problem returns why the runtime is not ready to run pods, or "" (its conditions RuntimeReady and NetworkReady).
func (c *Client) Problem(ctx context.Context) string {
	s, err := c.RuntimeServiceClient.Status(ctx, &runtimeapi.StatusRequest{})
	now := time.Now().UnixNano()
	if err != nil {
		if now-c.answered.Load() < int64(patience) {
			return ""
		}
		return "container runtime is down"
	}
	c.answered.Store(now)
	for _, cond := range s.GetStatus().GetConditions() {
		if cond.Status {
			continue
		}
		switch cond.Type {
		case runtimeapi.RuntimeReady:
			return fmt.Sprintf("container runtime not ready: RuntimeReady=false reason:%s message:%s", cond.Reason, cond.Message)
		case runtimeapi.NetworkReady:
			return fmt.Sprintf("container runtime network not ready: NetworkReady=false reason:%s message:%s", cond.Reason, cond.Message)
		}
	}
	return ""
}
