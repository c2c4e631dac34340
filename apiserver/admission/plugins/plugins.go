package plugins

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/deviceadmin"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/namespaceautoprovision"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/resourcequota"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// Deps is what plugins are given.
type Deps struct {
	Lister     admission.Lister
	Authorizer authorizer.Authorizer
	// Rows are the resources that are served.
	Rows []*resource.Resource
	// Await returns once the object is in the view of Lister, or ctx's error; nil waits for nothing.
	Await func(ctx context.Context, of schema.GroupResource, namespace, name string) error
	// Quotas stores what ResourceQuota charges. Without it, that plugin is left out: it needs a controller that
	// fills in the status of quotas, and refuses everything in a namespace whose quota has none.
	Quotas resourcequota.StatusWriter
	// Webhooks calls admission webhooks. Without it there are none.
	Webhooks *webhookclient.Clients
	// Namespaces makes namespaces for NamespaceAutoProvision, which is left out without it.
	Namespaces namespaceautoprovision.Creator
	// Configuration of the plugins; nil for none.
	Configuration *configuration.File
	// Clock by which events are limited; nil for that of the machine.
	Clock clock.PassiveClock
	// Objects finds the parameters of policies. Without it there are no policies.
	Objects admission.Finder
}

// The plugins that act as objects of the cluster say.
const (
	mutatingPolicy    = "MutatingAdmissionPolicy"
	validatingPolicy  = "ValidatingAdmissionPolicy"
	mutatingWebhook   = "MutatingAdmissionWebhook"
	validatingWebhook = "ValidatingAdmissionWebhook"
	autoProvision     = "NamespaceAutoProvision"
)

// possible says whether what a plugin needs is there.
func (d Deps) possible(name string) bool {
	switch name {
	case resourcequota.Name:
		return d.Quotas != nil
	case autoProvision:
		return d.Namespaces != nil
	case mutatingWebhook, validatingWebhook:
		return d.Webhooks != nil
	case mutatingPolicy, validatingPolicy:
		return d.Objects != nil
	}
	return true
}

// absent are upstream's plugins that do not exist here, for they are about what is not here. To name one is no mistake: upstream has
// them on by default, and command lines name them for good measure.
func absent(name string) bool {
	return slices.Contains([]string{"ClusterTrustBundleAttest", "JobValidation", "PodGroupProtection", "PodGroupWorkloadExists"}, name)
}

func (d Deps) resource(kind schema.GroupKind) (*resource.Resource, bool) {
	for _, row := range d.Rows {
		if row.Kind == kind.Kind && row.Group == kind.Group && !row.Virtual {
			return row, true
		}
	}
	return nil, false
}

// New returns the chain of deviceadmin and the plugins that are on by default, with those named by enable and without those
// named by disable. An unknown name is an error.
func New(deps Deps, enable, disable []string) (*admission.Chain, error) {
	if deps.Clock == nil {
		deps.Clock = clock.RealClock{}
	}
	metrics := admission.NewMetrics()
	plugins, err := list(deps, metrics)
	if err != nil {
		return nil, err
	}
	if err := checkNames(plugins, enable, disable); err != nil {
		return nil, err
	}
	on := []admission.Plugin{{Name: deviceadmin.Name, Validator: &deviceadmin.Plugin{Lister: deps.Lister}}}
	for _, plugin := range plugins {
		if slices.Contains(disable, plugin.Name) || plugin.off && !slices.Contains(enable, plugin.Name) || !deps.possible(plugin.Name) {
			continue
		}
		if plugin.make != nil {
			if err := plugin.make(&plugin.Plugin); err != nil {
				return nil, err
			}
		}
		on = append(on, plugin.Plugin)
	}
	return admission.NewChain(on...).Measured(metrics), nil
}

// checkNames returns everything that is wrong with the names, as upstream says it.
func checkNames(plugins []entry, enable, disable []string) error {
	var wrong []error
	for _, list := range []struct {
		flag  string
		names []string
	}{{"enable-admission-plugins", enable}, {"disable-admission-plugins", disable}} {
		for _, name := range list.names {
			if !absent(name) && !slices.ContainsFunc(plugins, func(p entry) bool { return p.Name == name }) {
				wrong = append(wrong, fmt.Errorf("%s plugin %q is unknown", list.flag, name))
			}
		}
	}
	if both := sets.New(enable...).Intersection(sets.New(disable...)); len(both) > 0 {
		wrong = append(wrong, fmt.Errorf("%v in enable-admission-plugins and disable-admission-plugins overlapped", sets.List(both)))
	}
	return utilerrors.NewAggregate(wrong)
}
