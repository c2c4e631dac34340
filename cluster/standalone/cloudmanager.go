package standalone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	cloudprovider "k8s.io/cloud-provider"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers"
	"github.com/coxswain-k8s/coxswain/controllers/cloud"
)

// CloudFactory makes a provider, initialized, of --cloud-config (nil without one). The client reads from the controllers' cache.
type CloudFactory func(config io.Reader, api client.Client) (cloudprovider.Interface, error)

// CloudManager is the cloud controller manager. Fields have the names of upstream's flags.
type CloudManager struct {
	Program
	Migration
	// CloudProvider is "local", or one of Providers, which a program with others compiled in has.
	CloudProvider, CloudConfig string
	Providers                  map[string]CloudFactory
	// AllowUntaggedCloud goes on although the cloud cannot tell what is this cluster's.
	AllowUntaggedCloud bool
	// UseServiceAccountCredentials has each controller act as a service account of its own.
	UseServiceAccountCredentials bool
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
		Program:     newProgram("cloud-controller-manager", 10258, 20, 30),
		Controllers: []string{"*"}, ClusterName: "kubernetes", ConfigureCloudRoutes: true, Clouds: controllers.DefaultCloudSettings(),
	}
}

// Validate returns everything that is wrong with m.
func (m *CloudManager) Validate() error {
	wrong := []error{m.validate()}
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
	lead, err := m.migrate(&m.Program, config, terms{among: controllers.CloudAmong, always: func(ctx context.Context, without []string) error {
		return m.lead(ctx, config, counting, without)
	}})
	if err != nil {
		return err
	}
	return m.serve(ctx, config, counting, lead)
}

// lead runs the controllers, without some, until ctx ends.
func (m *CloudManager) lead(ctx context.Context, config *rest.Config, counting *prometheus.Registry, without []string) error {
	mgr, err := newManager(ctx, config)
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
	disabled = append(disabled, without...)
	deps := controllers.Deps{Cloud: provider, ClusterName: m.ClusterName, ClusterCIDRs: m.ClusterCIDRs, Clouds: m.Clouds, Disabled: disabled, Metrics: counting}
	if m.UseServiceAccountCredentials {
		acting := newAccounts(ctx, mgr)
		defer acting.stop()
		deps.Access = acting.access
	}
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
