package standalone

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"
	clientmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/zpages"
	"github.com/coxswain-k8s/coxswain/cluster/election"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/secured"
	"github.com/coxswain-k8s/coxswain/cluster/serving"
	"github.com/coxswain-k8s/coxswain/cluster/version"
)

// Program is what the programs have in common. Fields have the names of upstream's flags.
type Program struct {
	secured.Settings
	election.Options
	// LeaseName and LeaseNamespace are those of the Lease that several of these agree by; default kube-system and the program's name.
	LeaseName, LeaseNamespace string
	// Kubeconfig reaches the API server; default that of the pod that this is in. Master is its address in place of the kubeconfig's.
	Kubeconfig, Master string
	// QPS and Burst bound the requests that are made in a second.
	QPS   float32
	Burst int

	// FeatureGates say what runs or is served that is off by default, and what is not that is on: StorageVersionMigrator, ComponentStatusz and
	// ComponentFlagz. Others of upstream's have no effect, and are named in the log.
	FeatureGates map[string]string
	// Flags are those of the command line with their values, which /flagz tells; nil where there is none.
	Flags func() map[string]string

	// teller is who the events of the Lease come from if that is not its name.
	teller string
}

func newProgram(name string, port int, qps float32, burst int) Program {
	return Program{
		Settings: secured.Default(name, port), Options: election.DefaultOptions(), LeaseName: name, LeaseNamespace: metav1.NamespaceSystem, QPS: qps, Burst: burst,
	}
}

// validate returns everything that is wrong with what the programs have in common.
func (p *Program) validate() error {
	wrong := []error{p.Settings.Validate()}
	if p.LeaderElect {
		wrong = append(wrong, p.Terms().Validate())
	}
	return errors.Join(wrong...)
}

// Reachable says whether it is known where the API server is: from a kubeconfig, by an address, or from the pod that this process is in.
func (p *Program) Reachable() bool {
	if p.Kubeconfig != "" || p.Master != "" {
		return true
	}
	_, err := rest.InClusterConfig()
	return err == nil
}

// config reaches the API server.
func (p *Program) config() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags(p.Master, p.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading --kubeconfig: %w", err)
	}
	config.QPS, config.Burst, config.UserAgent = p.QPS, p.Burst, p.Component+"/"+version.Version
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	config.WarningHandler = rest.NoWarnings{} // that an API is deprecated is nobody's fault who runs this
	return config, nil
}

// serve opens the port, and leads whenever it may until ctx ends.
func (p *Program) serve(ctx context.Context, config *rest.Config, counted prometheus.Gatherer, lead func(context.Context) error) error {
	if others := options.OtherGates(p.FeatureGates); len(others) > 0 {
		log.FromContext(ctx).Info("Feature gates are ignored", "names", others)
	}
	settings := p.Settings
	settings.Paths = p.withPages()
	port := &secured.Server{Settings: settings, Metrics: append(prometheus.Gatherers{counted}, libraries())}
	if err := port.Listen(ctx); err != nil {
		return err
	}
	if address := port.Address(); address != nil {
		log.FromContext(ctx).Info("Serving", "address", address.String())
	}
	lead, err := p.turn(config, lead)
	if err != nil {
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return port.Run(ctx) })
	all.Go(func() error {
		err := lead(ctx)
		if err == nil && ctx.Err() == nil {
			return errors.New("what this program is for has ended")
		}
		return err
	})
	return all.Wait()
}

// turn returns what leads when its turn has come: when it is elected, or as soon as the API server answers where nobody else competes.
func (p *Program) turn(config *rest.Config, lead func(context.Context) error) (func(context.Context) error, error) {
	if !p.LeaderElect {
		return func(ctx context.Context) error {
			if err := awaitAnswer(ctx, config); err != nil || ctx.Err() != nil {
				return err
			}
			return lead(ctx)
		}, nil
	}
	seat, err := p.seat(config)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return seat.Run(ctx, lead) }, nil
}

// askAgain is how long a program waits before it asks an API server again that did not answer.
const askAgain = time.Second / 2

// awaitAnswer waits until the API server answers, which may start later than this program, or until ctx ends.
func awaitAnswer(ctx context.Context, config *rest.Config) error {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("reaching the API server: %w", err)
	}
	err = wait.PollUntilContextCancel(ctx, askAgain, true, func(ctx context.Context) (bool, error) {
		_, err := client.RESTClient().Get().AbsPath("/api").DoRaw(ctx)
		if err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "The API server does not answer yet", "server", config.Host)
		}
		return err == nil, nil
	})
	if ctx.Err() != nil {
		return nil // told to end
	}
	return err
}

// withPages are the paths that the program serves, with the pages that tell about this process where they are on.
func (p *Program) withPages() map[string]http.Handler {
	all := map[string]http.Handler{}
	maps.Copy(all, p.Paths)
	told := slices.AppendSeq([]string{zpages.FlagsPath, "/healthz", "/livez", "/metrics", "/readyz"}, maps.Keys(all))
	slices.Sort(told)
	serving.Pages{Component: p.Component, Paths: told, Gates: p.FeatureGates, Flags: p.Flags}.AddTo(all)
	return all
}

func (p *Program) seat(config *rest.Config) (*election.Election, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	of := *config
	of.Timeout = p.LeaderElectRenewDeadline.Duration / 2
	return &election.Election{
		Config: &of, Name: p.LeaseName, Namespace: p.LeaseNamespace, Identity: host + "_" + uuid.NewString(), Component: p.teller, Terms: p.Terms(),
	}, nil
}

// libraries have what is counted for the whole process: queues, and requests of clients.
func libraries() prometheus.Gatherer {
	return metrics.Only(clientmetrics.Registry, "workqueue_", "rest_client_", "controller_runtime_", "leader_election_")
}

// informers say how objects are kept: nobody here looks at who manages which field.
func informers() cache.Options {
	return cache.Options{DefaultTransform: cache.TransformStripManagedFields()}
}
