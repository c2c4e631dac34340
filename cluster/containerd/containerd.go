package containerd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"text/template"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/coxswain-k8s/coxswain/cluster/programs"
)

// pauseImage is the image of every pod's sandbox.
const pauseImage = "registry.k8s.io/pause:3.10.2"

// Runtime is a containerd of our own.
type Runtime struct {
	Programs string // folder with containerd, its shim and runc
	Root     string // persistent data
	State    string // volatile data and the socket
	CNIBin   string // folder of the network plugin
	CNIConf  string // folder of the network configuration
	// Registries say where images are pulled from; nil for the registries themselves.
	Registries *Registries

	configuration string // its digest
	ready         chan struct{}
	readyOnce     sync.Once
}

// Socket of the CRI and of containerd's own API.
func (r *Runtime) Socket() string { return filepath.Join(r.State, "containerd.sock") }

// Endpoint is the socket as a URL.
func (r *Runtime) Endpoint() string { return "unix://" + r.Socket() }

// Ready is closed when the runtime serves for the first time. Prepare makes it.
func (r *Runtime) Ready() <-chan struct{} { return r.ready }

var configuration = template.Must(template.New("config.toml").Parse(`# Written at every start.
version = 3
root = '{{.Root}}'
state = '{{.State}}'
imports = []
disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.internal.v1.tracing', 'io.containerd.tracing.processor.v1.otlp',
  'io.containerd.snapshotter.v1.blockfile', 'io.containerd.snapshotter.v1.erofs', 'io.containerd.differ.v1.erofs',
  'io.containerd.mount-handler.v1.erofs', 'io.containerd.image-verifier.v1.bindir', 'io.containerd.internal.v1.opt', 'io.containerd.monitor.container.v1.restart']

[grpc]
address = '{{.Socket}}'

[plugins.'io.containerd.cri.v1.images']
snapshotter = 'overlayfs'
stats_collect_period = 3600
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '{{.Pause}}'
[plugins.'io.containerd.cri.v1.images'.registry]
config_path = '{{.CertsDir}}'
{{.Auths}}
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.containerd]
default_runtime_name = 'runc'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = '{{.Programs}}/runc'
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['{{.CNIBin}}', '/opt/cni/bin']
conf_dir = '{{.CNIConf}}'
use_internal_loopback = true
`))

// Prepare writes the configuration. It must be called once, before Run.
func (r *Runtime) Prepare() error {
	r.ready = make(chan struct{})
	for _, dir := range []string{r.Root, r.State} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return fmt.Errorf("making containerd's folder: %w", err)
		}
	}
	if r.Registries == nil {
		r.Registries = &Registries{}
	}
	if err := r.writeRegistries(); err != nil {
		return fmt.Errorf("writing where images come from: %w", err)
	}
	var text bytes.Buffer
	values := struct {
		*Runtime
		Pause, Auths string
	}{r, pauseImage, r.Registries.auths()}
	if err := configuration.Execute(&text, values); err != nil {
		return err
	}
	r.configuration = fmt.Sprintf("%x", sha256.Sum256(text.Bytes()))
	return os.WriteFile(r.config(), text.Bytes(), 0o600)
}

// CertsDir holds, in containerd's form, where images come from: the machine's own folder, unless there is more to say.
func (r *Runtime) CertsDir() string {
	if len(r.Registries.hosts()) == 0 {
		return machineCerts
	}
	return filepath.Join(filepath.Dir(r.Root), "certs.d")
}

func (r *Runtime) config() string { return filepath.Join(filepath.Dir(r.Root), "config.toml") }

// Run keeps containerd running until ctx ends. It outlives this process as its containers do, so that it sees them end;
// the next server takes it up.
func (r *Runtime) Run(ctx context.Context) error {
	address := filepath.Join(r.State, "ready.sock")
	notifications, err := listen(address)
	if err != nil {
		return fmt.Errorf("listening for containerd's readiness: %w", err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { r.watchReadiness(notifications) })
	defer reading.Wait()
	defer notifications.Close()
	child := programs.Child{
		Path: filepath.Join(r.Programs, "containerd"), Args: []string{"--config", r.config(), "--log-level", "warn"},
		Env: []string{
			"NOTIFY_SOCKET=" + address, "PATH=" + r.Programs + ":" + os.Getenv("PATH"),
			// The heap of containerd is small and its garbage grows in bursts.
			"GOGC=50",
		},
		Configuration: r.configuration,
		LogFile:       filepath.Join(filepath.Dir(r.Root), "containerd.log"),
		PIDFile:       filepath.Join(r.State, "containerd.pid"),
		Serves:        r.serves,
	}
	return child.Run(ctx, r.becomeReady)
}

// serves asks a containerd that runs already for its health.
func (r *Runtime) serves(ctx context.Context) bool {
	connection, err := grpc.NewClient(r.Endpoint(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return false
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	answer, err := healthpb.NewHealthClient(connection).Check(ctx, &healthpb.HealthCheckRequest{})
	return err == nil && answer.GetStatus() == healthpb.HealthCheckResponse_SERVING
}

func (r *Runtime) becomeReady() { r.readyOnce.Do(func() { close(r.ready) }) }

func listen(address string) (*net.UnixConn, error) {
	if err := os.Remove(address); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
}

// watchReadiness waits for the READY=1 of sd_notify(3).
func (r *Runtime) watchReadiness(notifications *net.UnixConn) {
	buffer := make([]byte, 4096)
	for {
		n, err := notifications.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], []byte("READY=1")) {
			r.becomeReady()
		}
	}
}
