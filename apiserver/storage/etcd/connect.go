package etcd

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// Remote says where an outside etcd is.
type Remote struct {
	// Endpoints are URLs: https://host:2379, http://…, unix://path.
	Endpoints []string
	// TLS of the client; nil for plain connections.
	TLS *TLS
	// Logger gets warnings at V(1) and errors.
	Logger logr.Logger
}

// Client is a storage.Store on an etcd elsewhere.
type Client struct {
	store
	client  *clientv3.Client
	watches watches
}

var _ storage.Store = (*Client)(nil)

// Keepalive finds out that a member is gone without closing its connection.
const (
	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 10 * time.Second
)

// Connect prepares a client and makes sure that the etcd answers, which ctx bounds.
func Connect(ctx context.Context, remote Remote) (*Client, error) {
	config, err := remote.tls()
	if err != nil {
		return nil, fmt.Errorf("connecting to etcd: %w", err)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: remote.Endpoints, TLS: config, Logger: quiet(remote.Logger),
		DialKeepAliveTime: keepaliveTime, DialKeepAliveTimeout: keepaliveTimeout,
		MaxCallSendMsgSize: 2 * defaultRequest,
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to etcd: %w", err)
	}
	c := &Client{client: client}
	c.store.backend = &remoteCalls{kv: clientv3.RetryKVClient(client), lease: clientv3.RetryLeaseClient(client)}
	if err := c.Healthy(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("connecting to etcd: %w", err)
	}
	return c, nil
}

func (r Remote) tls() (*tls.Config, error) {
	if r.TLS == nil {
		return nil, nil
	}
	info := transport.TLSInfo{TrustedCAFile: r.TLS.CA, CertFile: r.TLS.Cert, KeyFile: r.TLS.Key}
	return info.ClientConfig()
}

// Committed implements storage.Reader. It also sees to it that watches get there, though nothing may have
// happened below their prefix.
func (c *Client) Committed(ctx context.Context) (int64, error) {
	r, err := c.backend.Range(ctx, &pb.RangeRequest{Key: []byte(storage.Root), CountOnly: true})
	if err != nil {
		return 0, fmt.Errorf("asking for the committed revision: %w", err)
	}
	c.watches.want(r.Header.Revision)
	return r.Header.Revision, nil
}

// Healthy implements storage.Store.
func (c *Client) Healthy(ctx context.Context) error {
	if _, err := c.Committed(ctx); err != nil {
		return err
	}
	alarms, err := c.client.AlarmList(ctx)
	if err != nil {
		return fmt.Errorf("asking for alarms: %w", err)
	}
	for _, a := range alarms.Alarms {
		return fmt.Errorf("etcd alarm %s on member %x", a.Alarm, a.MemberID)
	}
	return nil
}

// Close ends the connection and all watches.
func (c *Client) Close() error {
	if err := c.client.Close(); err != nil {
		return fmt.Errorf("closing connection to etcd: %w", err)
	}
	return nil
}

// remoteCalls calls an etcd elsewhere.
type remoteCalls struct {
	kv    pb.KVClient
	lease pb.LeaseClient
}

func (r *remoteCalls) Txn(ctx context.Context, t *pb.TxnRequest) (*pb.TxnResponse, error) {
	response, err := r.kv.Txn(ctx, t)
	return response, translate(err)
}

func (r *remoteCalls) Range(ctx context.Context, q *pb.RangeRequest) (*pb.RangeResponse, error) {
	response, err := r.kv.Range(ctx, q)
	return response, translate(err)
}

func (r *remoteCalls) Compact(ctx context.Context, q *pb.CompactionRequest) (*pb.CompactionResponse, error) {
	response, err := r.kv.Compact(ctx, q)
	return response, translate(err)
}

func (r *remoteCalls) LeaseGrant(ctx context.Context, q *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	response, err := r.lease.LeaseGrant(ctx, q)
	return response, translate(err)
}
