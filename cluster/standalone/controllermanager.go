package standalone

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/controllers"
)

// ControllerManager is kube-controller-manager. Fields have the names of upstream's flags.
type ControllerManager struct {
	Program
	Migration
	// UseServiceAccountCredentials has each controller act as a service account of its own.
	UseServiceAccountCredentials bool
	// Controllers that run, by upstream's names; default all but those that are off by default.
	Controllers []string
	// ClusterCIDRs are the pod networks, at most one per family. Nodes get shares of them if AllocateNodeCIDRs.
	ClusterCIDRs      []string
	AllocateNodeCIDRs bool
	// NodeCIDRMaskSize is the size of a node's share where there is one network; the others are for each family. Default: 24 and 64.
	NodeCIDRMaskSize, NodeCIDRMaskSizeIPv4, NodeCIDRMaskSizeIPv6 int
	// ServiceCIDRs are the networks of services, whose addresses no node is given.
	ServiceCIDRs []string
	// RootCAFile is what pods verify the API server with; default the authority in the kubeconfig.
	RootCAFile string
	// ServiceAccountPrivateKeyFile signs the tokens of service accounts that are kept in Secrets. Without it they stay empty.
	ServiceAccountPrivateKeyFile string
	// ClusterSigning is the authority that signs certificates; the others are those of one signer, and exclude it.
	ClusterSigning, SigningKubeletServing, SigningKubeletClient, SigningAPIServerClient KeyFiles
	// ClusterSigningDuration is how long certificates last, at most. Default: a year.
	ClusterSigningDuration time.Duration
	// NodeMonitorGracePeriod is how long a node may be silent. Default: 50 s.
	NodeMonitorGracePeriod time.Duration
	// TerminatedPodGCThreshold is how many finished pods are kept. Default: 12500.
	TerminatedPodGCThreshold int
	// LegacyTokenPeriod is how long a token in a Secret may be unused. Default: a year.
	LegacyTokenPeriod time.Duration
	// EnableGarbageCollector has objects that nobody owns any more deleted; default yes.
	EnableGarbageCollector bool
	// Tuning is how controllers work.
	Tuning *controllers.Tuning
	// RecyclerHostPath and RecyclerNFS are files of pods that empty volumes. Default: none, and a pod of our own.
	RecyclerHostPath, RecyclerNFS string
}

// DefaultControllerManager returns upstream's defaults.
func DefaultControllerManager() ControllerManager {
	const year = 365 * 24 * time.Hour
	return ControllerManager{
		Program: newProgram("kube-controller-manager", 10257, 20, 30), Controllers: []string{"*"}, ClusterSigningDuration: year, NodeMonitorGracePeriod: 50 * time.Second,
		TerminatedPodGCThreshold: 12500, LegacyTokenPeriod: year, EnableGarbageCollector: true, Tuning: controllers.DefaultTuning(),
	}
}

// Validate returns everything that is wrong with m.
func (m *ControllerManager) Validate() error {
	wrong := []error{m.validate(), m.validateTuning(), options.ValidateGates(m.FeatureGates)}
	if m.AllocateNodeCIDRs && len(m.ClusterCIDRs) == 0 {
		wrong = append(wrong, errors.New("--cluster-cidr is required when --allocate-node-cidrs is true"))
	}
	for flag, networks := range map[string][]string{"--cluster-cidr": m.ClusterCIDRs, "--service-cluster-ip-range": m.ServiceCIDRs} {
		wrong = append(wrong, oneOfEachFamily(flag, networks))
	}
	if m.NodeCIDRMaskSize != 0 && len(m.ClusterCIDRs) > 1 {
		wrong = append(wrong, errors.New("usage of --node-cidr-mask-size is not allowed with dual-stack clusters"))
	}
	if m.NodeCIDRMaskSize != 0 && (m.NodeCIDRMaskSizeIPv4 != 0 || m.NodeCIDRMaskSizeIPv6 != 0) {
		wrong = append(wrong, errors.New("--node-cidr-mask-size excludes --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6"))
	}
	specific := []KeyFiles{m.SigningKubeletServing, m.SigningKubeletClient, m.SigningAPIServerClient}
	for _, files := range append(specific, m.ClusterSigning) {
		if (files.Cert == "") != (files.Key == "") {
			wrong = append(wrong, fmt.Errorf("cannot specify cert without key, nor key without cert: %q and %q", files.Cert, files.Key))
		}
	}
	if m.ClusterSigning.given() && slices.ContainsFunc(specific, KeyFiles.given) {
		wrong = append(wrong, errors.New("cannot specify --cluster-signing-{cert,key}-file and other --cluster-signing-*-file flags at the same time"))
	}
	_, err := m.disabled()
	return errors.Join(append(wrong, err)...)
}

func oneOfEachFamily(flag string, networks []string) error {
	families := map[bool]bool{}
	for _, network := range networks {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return fmt.Errorf("%s=%s: not a network such as 10.0.0.0/16", flag, network)
		}
		if families[prefix.Addr().Is4()] {
			return fmt.Errorf("%s=%s: want one network, or one of each family", flag, strings.Join(networks, ","))
		}
		families[prefix.Addr().Is4()] = true
	}
	return nil
}

// disabled are the controllers that are left out.
func (m *ControllerManager) disabled() ([]string, error) {
	selected := m.Controllers
	if !m.EnableGarbageCollector {
		selected = append(slices.Clone(selected), "-garbage-collector-controller")
	}
	disabled, err := controllers.ManagedDisabled(selected)
	if err != nil {
		return nil, fmt.Errorf("--controllers: %w", err)
	}
	return disabled, nil
}

// Run serves, and runs the controllers when it may, until ctx ends.
func (m *ControllerManager) Run(ctx context.Context) error {
	if err := m.Validate(); err != nil {
		return err
	}
	config, err := m.config()
	if err != nil {
		return err
	}
	counting := prometheus.NewRegistry()
	deps, err := m.deps(config) // what is wrong with its files is known at the start
	if err != nil {
		return err
	}
	deps.Metrics = counting
	lead, err := m.migrate(&m.Program, config, terms{among: controllers.ManagedAmong, always: func(ctx context.Context, without []string) error {
		some := deps
		some.Disabled = append(slices.Clone(deps.Disabled), without...)
		return m.lead(ctx, config, some)
	}})
	if err != nil {
		return err
	}
	return m.serve(ctx, config, counting, lead)
}

// lead runs the controllers until ctx ends.
func (m *ControllerManager) lead(ctx context.Context, config *rest.Config, deps controllers.Deps) error {
	mgr, err := newManager(ctx, config)
	if err != nil {
		return err
	}
	if m.UseServiceAccountCredentials {
		acting := newAccounts(ctx, mgr)
		defer acting.stop()
		deps.Access = acting.access
	}
	if err := controllers.Register(mgr, deps); err != nil {
		return err
	}
	if !slices.Contains(deps.Disabled, controllers.PolicyStatus) {
		if err := addPolicyStatus(mgr, &deps); err != nil {
			return err
		}
	}
	return mgr.Start(ctx)
}

// deps are what the flags say, with the files that they name.
func (m *ControllerManager) deps(config *rest.Config) (deps controllers.Deps, err error) {
	if deps.Disabled, err = m.disabled(); err != nil {
		return deps, err
	}
	deps.NodeGracePeriod, deps.TerminatedPods, deps.LegacyTokenPeriod = m.NodeMonitorGracePeriod, m.TerminatedPodGCThreshold, m.LegacyTokenPeriod
	deps.StorageMigration = options.GateOn(m.FeatureGates, options.MigrationGate)
	if m.AllocateNodeCIDRs {
		deps.ClusterCIDRs, deps.ServiceCIDRs = m.ClusterCIDRs, m.ServiceCIDRs
		deps.NodeCIDRMaskIPv4, deps.NodeCIDRMaskIPv6 = m.NodeCIDRMaskSizeIPv4, m.NodeCIDRMaskSizeIPv6
		if m.NodeCIDRMaskSize != 0 {
			deps.NodeCIDRMaskIPv4, deps.NodeCIDRMaskIPv6 = m.NodeCIDRMaskSize, m.NodeCIDRMaskSize
		}
	}
	if deps.RootCA, err = m.rootCA(config); err != nil {
		return deps, err
	}
	if m.ServiceAccountPrivateKeyFile != "" {
		key, err := tokens.LoadSigner(m.ServiceAccountPrivateKeyFile)
		if err != nil {
			return deps, fmt.Errorf("reading --service-account-private-key-file: %w", err)
		}
		deps.LegacyToken = func(account *corev1.ServiceAccount, secret *corev1.Secret) (string, error) {
			return tokens.SignLegacy(key, account, secret)
		}
	}
	if deps.Tuning, err = m.tuning(); err != nil {
		return deps, err
	}
	return deps, m.signers(&deps)
}

// rootCA is that of --root-ca-file, or the authority by which we know the API server ourselves.
func (m *ControllerManager) rootCA(config *rest.Config) ([]byte, error) {
	if m.RootCAFile == "" {
		with := rest.CopyConfig(config)
		err := rest.LoadTLSFiles(with)
		return with.CAData, err
	}
	data, err := os.ReadFile(m.RootCAFile)
	if err != nil {
		return nil, fmt.Errorf("reading --root-ca-file: %w", err)
	}
	return data, nil
}

func (m *ControllerManager) signers(deps *controllers.Deps) error {
	for _, signer := range []struct {
		own  KeyFiles
		into **controllers.Signer
	}{
		{m.SigningKubeletServing, &deps.ServingSigner}, {m.SigningKubeletClient, &deps.KubeletClientSigner}, {m.SigningAPIServerClient, &deps.ClientSigner},
	} {
		files := signer.own
		if !files.given() {
			files = m.ClusterSigning
		}
		made, err := files.signer(m.ClusterSigningDuration)
		if err != nil {
			return fmt.Errorf("reading the authority for certificates: %w", err)
		}
		*signer.into = made
	}
	return nil
}
