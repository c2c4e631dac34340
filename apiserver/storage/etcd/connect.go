package etcd

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcdlog"
)

// Remote says where an outside etcd is.
type Remote struct {
	// Endpoints are URLs: https://host:2379, http://…, unix://path.
	Endpoints []string
	// TLS of the client; nil for plain connections. Without a certificate the client is nobody; without a CA the system's are
	// believed.
	TLS *TLS
	// Prefix of the keys that are the cluster's; default storage.Root. Keys elsewhere may be closed to the client.
	Prefix string
	// Logger gets warnings at V(1) and errors.
	Logger logr.Logger
}

// Client is a storage.Store on an etcd elsewhere.
type Client struct {
	store
	client  *clientv3.Client
	prefix  string
	watches watches
}

var _ storage.Store = (*Client)(nil)

// Keepalive finds out that a member is gone without closing its connection.
const (
	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 10 * time.Second
	// An etcd that does not answer yet is asked again, soon at first; reachOne bounds each question.
	reachFirst = 20 * time.Millisecond
	reachMost  = time.Second
	reachOne   = 5 * time.Second
	// sizesWithin bounds how long members are asked for the sizes of their files.
	sizesWithin = time.Second
)

// Connect prepares a client and waits until the etcd answers; when ctx ends first it says why it does not.
func Connect(ctx context.Context, remote Remote) (*Client, error) {
	config, err := remote.tls()
	if err != nil {
		return nil, fmt.Errorf("connecting to etcd: %w", err)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: remote.Endpoints, TLS: config, Logger: etcdlog.Quiet(remote.Logger),
		DialKeepAliveTime: keepaliveTime, DialKeepAliveTimeout: keepaliveTimeout,
		MaxCallSendMsgSize: 2 * defaultRequest,
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to etcd: %w", err)
	}
	c := &Client{client: client, prefix: cmp.Or(remote.Prefix, storage.Root)}
	c.store.backend = &remoteCalls{kv: clientv3.RetryKVClient(client), lease: clientv3.RetryLeaseClient(client)}
	if err := c.waitReachable(ctx, remote.Logger); err != nil {
		client.Close()
		return nil, fmt.Errorf("connecting to etcd at %s: %w", strings.Join(remote.Endpoints, ", "), err)
	}
	return c, nil
}

// Sizes are those of the members' files in bytes, in the order of the endpoints; 0 for one that does not say. All are asked at a time, so
// that one that is gone keeps none of the others from answering.
func (c *Client) Sizes() []int64 {
	ctx, cancel := context.WithTimeout(context.Background(), sizesWithin)
	defer cancel()
	endpoints := c.client.Endpoints()
	sizes := make([]int64, len(endpoints))
	var asking sync.WaitGroup
	for i, endpoint := range endpoints {
		asking.Go(func() {
			if status, err := c.client.Status(ctx, endpoint); err == nil {
				sizes[i] = status.DbSize
			}
		})
	}
	asking.Wait()
	return sizes
}

// waitReachable asks until there is an answer. It does not use the client's own retries, which hide why there is none.
func (c *Client) waitReachable(ctx context.Context, logger logr.Logger) error {
	plain := pb.NewKVClient(c.client.ActiveConnection())
	var why error
	for wait, told := reachFirst, false; ; wait = min(2*wait, reachMost) {
		asking, cancel := context.WithTimeout(ctx, reachOne)
		_, err := plain.Range(asking, &pb.RangeRequest{Key: []byte(c.prefix), CountOnly: true})
		cancel()
		if err == nil {
			return nil
		}
		if why == nil || !strings.Contains(why.Error(), "tls: ") { // what is wrong with a certificate is not always told
			why = err
		}
		if !told {
			logger.Info("Waiting for etcd", "endpoints", c.client.Endpoints(), "err", err.Error())
			told = true
		}
		later := time.NewTimer(wait)
		select {
		case <-later.C:
		case <-ctx.Done():
			later.Stop()
			return why
		}
	}
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
	r, err := c.backend.Range(ctx, &pb.RangeRequest{Key: []byte(c.prefix), CountOnly: true})
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
	if errors.Is(err, rpctypes.ErrPermissionDenied) {
		return nil // etcd's administrator alone may see them
	}
	if err != nil {
		return fmt.Errorf("asking for alarms: %w", err)
	}
	var wrong []error
	for _, a := range alarms.Alarms {
		wrong = append(wrong, alarmError(a))
	}
	return errors.Join(wrong...)
}

// alarmError explains an alarm of an etcd that is not ours to mend.
func alarmError(a *pb.AlarmMember) error {
	if a.Alarm == pb.AlarmType_NOSPACE {
		return fmt.Errorf("%w: alarm NOSPACE on member %x of the etcd outside, only deletions are accepted; compact and defragment it or raise its "+
			"--quota-backend-bytes, then `coxswain etcdctl alarm disarm`", storage.ErrNoSpace, a.MemberID)
	}
	return fmt.Errorf("etcd alarm %s on member %x", a.Alarm, a.MemberID)
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
