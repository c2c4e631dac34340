package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cloudprovider "k8s.io/cloud-provider"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/cluster/election"
	"github.com/coxswain-k8s/coxswain/cluster/secured"
	"github.com/coxswain-k8s/coxswain/cluster/version"
	"github.com/coxswain-k8s/coxswain/controllers"
	"github.com/coxswain-k8s/coxswain/controllers/cloud"
)

// CloudFactory makes a provider, initialized, of --cloud-config (nil without one). The client reads from the controllers' cache.
type CloudFactory func(config io.Reader, api client.Client) (cloudprovider.Interface, error)

// CloudManager is the cloud controller manager as a program of its own, beside the API server that a kubeconfig names. Fields have the
// names of upstream's flags.
type CloudManager struct {
	secured.Settings
	LeaderOptions
	// LeaseName and LeaseNamespace are those of the Lease that several of these agree by; default kube-system/cloud-controller-manager.
	LeaseName, LeaseNamespace string
	// Kubeconfig reaches the API server; default that of the pod that this is in. Master is its address in place of the kubeconfig's.
	Kubeconfig, Master string
	// QPS and Burst bound the requests that are made; default 20 and 30 a second.
	QPS   float32
	Burst int
	// CloudProvider is "local", or one of Providers, which a program with others compiled in has.
	CloudProvider, CloudConfig string
	Providers                  map[string]CloudFactory
	// AllowUntaggedCloud goes on although the cloud cannot tell what is this cluster's.
	AllowUntaggedCloud bool
	// Controllers that run, by upstream's names; default all.
	Controllers []string
	// ClusterName is what the cloud knows the cluster by; default kubernetes.
	ClusterName string
	// ClusterCIDRs are the pod networks. Nodes have shares of them, and the cloud routes to these, if both AllocateNodeCIDRs and
	// ConfigureCloudRoutes.
	ClusterCIDRs                            []string
	AllocateNodeCIDRs, ConfigureCloudRoutes bool
	// Clouds say how often, and how many at a time, the controllers look.
	Clouds controllers.CloudSettings
}

// DefaultCloudManager returns upstream's defaults.
func DefaultCloudManager() CloudManager {
	return CloudManager{
		Settings: secured.Default(CloudControllers, 10258), LeaderOptions: defaultLeading(), LeaseName: cloudControllerSeat().lease, LeaseNamespace: "kube-system",
		QPS: 20, Burst: 30, Controllers: []string{"*"}, ClusterName: "kubernetes", ConfigureCloudRoutes: true, Clouds: controllers.DefaultCloudSettings(),
	}
}

// Validate returns everything that is wrong with m.
func (m *CloudManager) Validate() error {
	wrong := []error{m.Settings.Validate()}
	if m.LeaderElect {
		wrong = append(wrong, m.terms().Validate())
	}
	if m.CloudProvider == "" {
		wrong = append(wrong, errors.New("--cloud-provider cannot be empty"))
	} else if m.factory() == nil {
		known := []string{cloud.LocalName}
		for name := range m.Providers {
			known = append(known, name)
		}
		slices.Sort(known)
		wrong = append(wrong, fmt.Errorf("--cloud-provider=%s: unknown cloud provider; known are %s", m.CloudProvider, strings.Join(known, ", ")))
	}
	if m.AllocateNodeCIDRs && len(m.ClusterCIDRs) == 0 {
		wrong = append(wrong, errors.New("--cluster-cidr is required when --allocate-node-cidrs is true"))
	}
	_, err := m.disabled()
	return errors.Join(append(wrong, err)...)
}

func (m *CloudManager) factory() CloudFactory {
	if made := m.Providers[m.CloudProvider]; made != nil {
		return made
	}
	if m.CloudProvider != cloud.LocalName {
		return nil
	}
	return func(config io.Reader, api client.Client) (cloudprovider.Interface, error) {
		if config != nil {
			return nil, errors.New("the provider local has no configuration")
		}
		return &cloud.Local{Reader: api, KnowsNodes: true}, nil
	}
}

// disabled are the controllers that are left out.
func (m *CloudManager) disabled() ([]string, error) {
	disabled, err := controllers.CloudDisabled(m.Controllers)
	if err != nil {
		return nil, fmt.Errorf("--controllers: %w", err)
	}
	if !m.AllocateNodeCIDRs || !m.ConfigureCloudRoutes {
		disabled = append(disabled, controllers.CloudRoutes)
	}
	return disabled, nil
}

// InPod says whether this process is in a pod, which knows its API server.
func InPod() bool {
	_, err := rest.InClusterConfig()
	return err == nil
}

// Run serves, and runs the controllers when it may, until ctx ends.
func (m *CloudManager) Run(ctx context.Context) error {
	if err := m.Validate(); err != nil {
		return err
	}
	config, err := m.config()
	if err != nil {
		return err
	}
	counting := prometheus.NewRegistry()
	port := &secured.Server{Settings: m.Settings, Metrics: append(prometheus.Gatherers{counting}, gatherers()...)}
	if err := port.Listen(ctx); err != nil {
		return err
	}
	if address := port.Address(); address != nil {
		log.FromContext(ctx).Info("Serving", "address", address.String())
	}
	lead := func(ctx context.Context) error { return m.lead(ctx, config, counting) }
	run := lead
	if m.LeaderElect {
		host, err := os.Hostname()
		if err != nil {
			return err
		}
		of := *config
		of.Timeout = m.LeaderElectRenewDeadline.Duration / 2
		seat := &election.Election{Config: &of, Name: m.LeaseName, Namespace: m.LeaseNamespace, Identity: host + "_" + uuid.NewString(), Terms: m.terms()}
		run = func(ctx context.Context) error { return seat.Run(ctx, lead) }
	}
	all := &parts{components: []component{{"secure port", port.Run}, {"cloud controllers", run}}}
	return all.run(ctx)
}

func (m *CloudManager) config() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags(m.Master, m.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading --kubeconfig: %w", err)
	}
	config.QPS, config.Burst, config.UserAgent = m.QPS, m.Burst, CloudControllers+"/"+version.Version
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	return config, nil
}

// lead runs the controllers until ctx ends.
func (m *CloudManager) lead(ctx context.Context, config *rest.Config, counting *prometheus.Registry) error {
	mapper := newMapper(apis.All())
	mgr, err := ctrl.NewManager(config, manager.Options{
		Scheme: apis.NewScheme(), Logger: log.FromContext(ctx).V(1), Metrics: server.Options{BindAddress: "0"},
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return mapper, nil },
	})
	if err != nil {
		return err
	}
	provider, err := m.provider(mgr.GetClient())
	if err != nil {
		return err
	}
	disabled, err := m.disabled()
	if err != nil {
		return err
	}
	deps := controllers.Deps{Cloud: provider, ClusterName: m.ClusterName, ClusterCIDRs: m.ClusterCIDRs, Clouds: m.Clouds, Disabled: disabled, Metrics: counting}
	if err := controllers.RegisterCloud(mgr, deps); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func (m *CloudManager) provider(api client.Client) (cloudprovider.Interface, error) {
	var config io.Reader
	if m.CloudConfig != "" {
		file, err := os.Open(m.CloudConfig)
		if err != nil {
			return nil, fmt.Errorf("reading --cloud-config: %w", err)
		}
		defer file.Close()
		config = file
	}
	provider, err := m.factory()(config, api)
	if err != nil {
		return nil, fmt.Errorf("making the cloud provider %s: %w", m.CloudProvider, err)
	}
	if !provider.HasClusterID() && !m.AllowUntaggedCloud {
		return nil, errors.New("no ClusterID found.  A ClusterID is required for the cloud provider to function properly.  This check can be bypassed by setting the allow-untagged-cloud option")
	}
	return provider, nil
}
