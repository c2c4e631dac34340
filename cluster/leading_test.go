package cluster

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/state"
)

// cable leads to an address until it is cut.
type cable struct {
	net.Listener
	to   string
	mu   sync.Mutex
	cut  bool
	ends []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{Listener: l, to: to}
	t.Cleanup(func() { l.Close(); c.set(true) })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go c.join(from)
		}
	}()
	return c
}

func (c *cable) join(from net.Conn) {
	to, err := net.Dial("tcp", c.to)
	c.mu.Lock()
	if c.cut || err != nil {
		c.mu.Unlock()
		from.Close()
		if err == nil {
			to.Close()
		}
		return
	}
	c.ends = append(c.ends, from, to)
	c.mu.Unlock()
	go func() { _, _ = io.Copy(to, from); to.Close() }()
	_, _ = io.Copy(from, to)
	from.Close()
}

func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	for _, end := range c.ends {
		end.Close()
	}
	c.ends = nil
}

// sibling is one of the servers on an etcd.
type sibling struct {
	*testing.T
	*Cluster
	api client.Client
}

func newSibling(t *testing.T, dir string, access state.Access) *sibling {
	t.Helper()
	o := ForTest(dir)
	o.Ephemeral = false
	useEtcd(&o, access)
	o.LeaderElectLeaseDuration, o.LeaderElectRenewDeadline, o.LeaderElectRetryPeriod = metav1.Duration{Duration: 13 * time.Second}, metav1.Duration{Duration: 11 * time.Second}, metav1.Duration{Duration: 200 * time.Millisecond}
	running, api := started(t, o)
	return &sibling{t, running, api}
}

// leader is who holds a lease.
func (s *sibling) leader(name string) (who string) {
	s.Helper()
	eventually(s.T, "nobody holds "+name, func() error {
		lease := &coordinationv1.Lease{}
		if err := s.api.Get(s.Context(), client.ObjectKey{Namespace: "kube-system", Name: name}, lease); err != nil {
			return err
		}
		if who = ptr.Deref(lease.Spec.HolderIdentity, ""); who == "" {
			return errors.New("it is free")
		}
		return nil
	})
	return who
}

// works waits until the controllers of some server have done something, and says when.
func (s *sibling) works(name string) {
	s.Helper()
	labels := map[string]string{"app": name}
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: appsv1.ReplicaSetSpec{
		Replicas: ptr.To[int32](3), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
			AutomountServiceAccountToken: ptr.To(false), Containers: []corev1.Container{{Name: "c", Image: "i"}},
		}},
	}}
	eventually(s.T, "a set cannot be made", func() error {
		if err := s.api.Create(s.Context(), set.DeepCopy()); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		return nil
	})
	pods := &corev1.PodList{}
	eventually(s.T, "nobody makes the pods of "+name, func() error {
		err := s.api.List(s.Context(), pods, client.InNamespace("default"), client.MatchingLabels(labels))
		if err == nil && len(pods.Items) != 3 {
			err = errors.New("not all are there")
		}
		return err
	})
	eventually(s.T, "the set does not settle", func() error {
		err := s.api.Get(s.Context(), client.ObjectKeyFromObject(set), set)
		if err == nil && set.Status.Replicas != 3 {
			err = errors.New("not all are counted")
		}
		return err
	})
}

// Of two servers on one etcd one has the controllers and the scheduler. When it loses etcd the other takes over, and it goes on without them,
// until the other ends.
func TestOneOfTwoServersLeads(t *testing.T) {
	dir := t.TempDir()
	access, start, stop := outsideEtcd(t, filepath.Join(dir, "etcd"), freeURL(t))
	start()
	defer func() { stop() }()
	wire := newCable(t, strings.TrimPrefix(access.Endpoints[0], "https://"))
	wired := access
	wired.Endpoints = []string{"https://" + wire.Addr().String()}

	first := newSibling(t, filepath.Join(dir, "first"), wired)
	if err := os.CopyFS(filepath.Join(dir, "second", "pki"), os.DirFS(filepath.Join(dir, "first", "pki"))); err != nil {
		t.Fatal(err)
	}
	leaders := map[string]string{}
	for _, lease := range []string{"kube-controller-manager", "kube-scheduler"} {
		leaders[lease] = first.leader(lease)
	}
	second := newSibling(t, filepath.Join(dir, "second"), access)
	second.works("one")
	for lease, before := range leaders {
		if after := second.leader(lease); after != before {
			t.Errorf("%s went from %s to %s", lease, before, after)
		}
	}

	wire.set(true)
	for lease, before := range leaders {
		eventually(t, "nobody takes over "+lease, func() error {
			if second.leader(lease) == before {
				return errors.New("it is the same")
			}
			return nil
		})
	}
	second.works("two")
	select {
	case <-first.done:
		t.Fatal("the server that lost its leases has ended", first.err)
	default:
	}

	wire.set(false)
	first.works("three") // by the second's controllers, through the first's API
	if err := second.Stop(); err != nil {
		t.Error(err)
	}
	first.works("four")
}
