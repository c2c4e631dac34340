package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/state"
)

// Variables that make the test program one of several servers: its folder, and the etcd.
const childDir, childEtcd = "COXSWAIN_TEST_SERVER_DIR", "COXSWAIN_TEST_SERVER_ETCD"

// serveAsChild is a server on an etcd until standard input ends.
func serveAsChild(t *testing.T, dir string) {
	var access state.Access
	if err := json.Unmarshal([]byte(os.Getenv(childEtcd)), &access); err != nil {
		t.Fatal(err)
	}
	o := ForTest(dir)
	o.Ephemeral = false
	useEtcd(&o, access)
	o.LeaderElectLeaseDuration, o.LeaderElectRenewDeadline, o.LeaderElectRetryPeriod = metav1.Duration{Duration: 6 * time.Second}, metav1.Duration{Duration: 4 * time.Second}, metav1.Duration{Duration: 200 * time.Millisecond}
	running, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("kubeconfig " + running.Kubeconfig + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := running.Stop(); err != nil {
		t.Error(err)
	}
}

// child is a server that is a process of its own.
type child struct {
	sibling
	process *os.Process
	config  *rest.Config
}

// newChild starts one and waits until it serves.
func newChild(t *testing.T, dir string, access state.Access) *child {
	t.Helper()
	data, err := json.Marshal(access)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	command.Env = append(os.Environ(), childDir+"="+dir, childEtcd+"="+string(data))
	var problems strings.Builder
	command.Stderr = &problems
	hold, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGCONT)
		_ = hold.Close()
		_ = command.Wait() // some were killed
	})
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		kubeconfig, ready := strings.CutPrefix(lines.Text(), "kubeconfig ")
		if !ready {
			continue
		}
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		api, err := client.New(config, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return &child{sibling{T: t, api: api}, command.Process, config}
	}
	t.Fatal("the server does not start", lines.Err(), problems.String())
	return nil
}

func (c *child) signal(s os.Signal) {
	c.Helper()
	if err := c.process.Signal(s); err != nil {
		c.Fatal(err)
	}
}

// operator elects itself by client-go, as users' operators do, over one server, as often as it loses.
func (c *child) operator(name string) {
	c.Helper()
	of := *c.config
	of.Timeout = time.Second
	leases, err := coordinationv1client.NewForConfig(&of)
	if err != nil {
		c.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	c.Cleanup(func() { stop(); <-ended })
	lock := &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Namespace: "default", Name: "operator"}, Client: leases, LockConfig: resourcelock.ResourceLockConfig{Identity: name}}
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
				Lock: lock, LeaseDuration: 5 * time.Second, RenewDeadline: 4 * time.Second, RetryPeriod: 200 * time.Millisecond, Name: name,
				Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) {}, OnStoppedLeading: func() {}},
			})
		}
	}()
}

// leads waits until that operator does.
func (c *child) leads(operator string) {
	c.Helper()
	eventually(c.T, operator+" never leads", func() error {
		lease := &coordinationv1.Lease{}
		err := c.api.Get(c.Context(), client.ObjectKey{Namespace: "default", Name: "operator"}, lease)
		if err == nil && ptr.Deref(lease.Spec.HolderIdentity, "") != operator {
			err = errors.New("another does")
		}
		return err
	})
}

// Of two servers on one etcd the other takes over when the leader hangs, and the one that hung when the other is killed; users' operators do
// likewise by what each can write.
func TestLeadersThatHangOrDie(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		serveAsChild(t, dir)
		return
	}
	dir := t.TempDir()
	access, start, stop := outsideEtcd(t, filepath.Join(dir, "etcd"), freeURL(t))
	start()
	t.Cleanup(stop)
	first := newChild(t, filepath.Join(dir, "first"), access)
	before := map[string]string{}
	for _, lease := range []string{"kube-controller-manager", "kube-scheduler"} {
		before[lease] = first.leader(lease)
	}
	if err := os.CopyFS(filepath.Join(dir, "second", "pki"), os.DirFS(filepath.Join(dir, "first", "pki"))); err != nil {
		t.Fatal(err)
	}
	second := newChild(t, filepath.Join(dir, "second"), access)
	first.operator("a")
	first.leads("a")
	second.operator("b")

	first.signal(syscall.SIGSTOP)
	for lease, leader := range before {
		eventually(t, "nobody takes over "+lease, func() error {
			if second.leader(lease) == leader {
				return errors.New("it is the same")
			}
			return nil
		})
	}
	second.works("hung")
	second.leads("b")
	first.signal(syscall.SIGCONT)
	first.works("back") // it serves again

	second.signal(syscall.SIGKILL)
	first.works("killed")
	first.leads("a")
}
