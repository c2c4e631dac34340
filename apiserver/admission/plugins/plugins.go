package plugins

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/certificates"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/defaultingressclass"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/defaultstorageclass"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/defaulttolerationseconds"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/denyserviceexternalips"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/limitranger"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/matching"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/namespacelifecycle"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/noderestriction"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/ownerreferences"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/podsecurity"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/podtopologylabels"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/policy"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/priority"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/pvcresize"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/resourcequota"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/runtimeclass"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/serviceaccount"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/storageobjectinuse"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/taintnodesbycondition"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/webhook"
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
	// Objects finds the parameters of policies. Without it there are no policies.
	Objects admission.Finder
}

// list is all plugins in the order in which they are asked.
func list(deps Deps, security *podsecurity.Plugin, metrics *admission.Metrics) []admission.Plugin {
	lifecycle := &namespacelifecycle.Plugin{Lister: deps.Lister}
	account := &serviceaccount.Plugin{Lister: deps.Lister, Await: deps.Await}
	limits := &limitranger.Plugin{Lister: deps.Lister}
	priorities := &priority.Plugin{Lister: deps.Lister}
	runtimes := &runtimeclass.Plugin{Lister: deps.Lister}
	matcher, environments := matching.Matcher{Lister: deps.Lister, Rows: deps.Rows}, &expression.Environments{}
	mutating, validating := webhook.New(webhook.Deps{Matcher: matcher, Clients: deps.Webhooks, Authorizer: deps.Authorizer, Environments: environments, Metrics: metrics})
	policies := policy.Deps{Matcher: matcher, Environments: environments, Authorizer: deps.Authorizer, Find: deps.Objects, Metrics: metrics}
	owners := &ownerreferences.Plugin{Authorizer: deps.Authorizer, Resource: deps.resource}
	return []admission.Plugin{
		{Name: "NamespaceLifecycle", Mutator: lifecycle},
		{Name: "LimitRanger", Mutator: limits, Validator: limits},
		{Name: "ServiceAccount", Mutator: account, Validator: account},
		{Name: "NodeRestriction", Validator: &noderestriction.Plugin{Lister: deps.Lister, Authorizer: deps.Authorizer}},
		{Name: "TaintNodesByCondition", Mutator: taintnodesbycondition.Plugin{}},
		{Name: "PodSecurity", Validator: security},
		{Name: "Priority", Mutator: priorities, Validator: priorities},
		{Name: "DefaultTolerationSeconds", Mutator: &defaulttolerationseconds.Plugin{}},
		{Name: "DefaultStorageClass", Mutator: &defaultstorageclass.Plugin{Lister: deps.Lister}},
		{Name: "StorageObjectInUseProtection", Mutator: storageobjectinuse.Plugin{}},
		{Name: "OwnerReferencesPermissionEnforcement", Validator: owners},
		{Name: "PersistentVolumeClaimResize", Validator: &pvcresize.Plugin{Lister: deps.Lister}},
		{Name: "RuntimeClass", Mutator: runtimes, Validator: runtimes},
		{Name: "CertificateApproval", Validator: &certificates.Approval{Authorizer: deps.Authorizer}},
		{Name: "CertificateSigning", Validator: &certificates.Signing{Authorizer: deps.Authorizer}},
		{Name: "CertificateSubjectRestriction", Validator: certificates.Subject{}},
		{Name: "DefaultIngressClass", Mutator: &defaultingressclass.Plugin{Lister: deps.Lister}},
		{Name: "PodTopologyLabels", Mutator: &podtopologylabels.Plugin{Lister: deps.Lister}},
		{Name: "DenyServiceExternalIPs", Validator: denyserviceexternalips.Plugin{}},
		{Name: mutatingPolicy, Mutator: policy.NewMutating(policies)},
		{Name: mutatingWebhook, Mutator: mutating},
		{Name: validatingPolicy, Validator: policy.NewValidating(policies)},
		{Name: validatingWebhook, Validator: validating},
		{Name: "ResourceQuota", Validator: &resourcequota.Plugin{Lister: deps.Lister, Writer: deps.Quotas}},
	}
}

// The plugins that act as objects of the cluster say.
const (
	mutatingPolicy    = "MutatingAdmissionPolicy"
	validatingPolicy  = "ValidatingAdmissionPolicy"
	mutatingWebhook   = "MutatingAdmissionWebhook"
	validatingWebhook = "ValidatingAdmissionWebhook"
)

// possible says whether what a plugin needs is there.
func (d Deps) possible(name string) bool {
	switch name {
	case "ResourceQuota":
		return d.Quotas != nil
	case mutatingWebhook, validatingWebhook:
		return d.Webhooks != nil
	case mutatingPolicy, validatingPolicy:
		return d.Objects != nil
	}
	return true
}

// off are the plugins that are off unless they are asked for.
func off(name string) bool {
	return name == "OwnerReferencesPermissionEnforcement" || name == "DenyServiceExternalIPs"
}

// absent are upstream's plugins that do not exist here yet. Switching off what is not there is no mistake; asking for
// it is, except for those that upstream has on by default and that command lines name for good measure.
func absent(name string) (known, byDefault bool) {
	switch name {
	case "ClusterTrustBundleAttest", "NodeDeclaredFeatureValidator":
		return true, true
	case "AlwaysAdmit", "AlwaysDeny", "AlwaysPullImages", "EventRateLimit", "ExtendedResourceToleration",
		"ImagePolicyWebhook", "LimitPodHardAntiAffinityTopology", "NamespaceAutoProvision", "NamespaceExists", "PodNodeSelector",
		"PodTolerationRestriction":
		return true, false
	}
	return false, false
}

func (d Deps) resource(kind schema.GroupKind) (*resource.Resource, bool) {
	for _, row := range d.Rows {
		if row.Kind == kind.Kind && row.Group == kind.Group && !row.Virtual {
			return row, true
		}
	}
	return nil, false
}

// New returns the chain of the plugins that are on by default, with those named by enable and without those
// named by disable. An unknown name is an error.
func New(deps Deps, enable, disable []string) (*admission.Chain, error) {
	security, err := podsecurity.New(deps.Lister)
	if err != nil {
		return nil, err
	}
	metrics := admission.NewMetrics()
	plugins := list(deps, security, metrics)
	if err := checkNames(plugins, enable, disable); err != nil {
		return nil, err
	}
	var on []admission.Plugin
	for _, plugin := range plugins {
		if slices.Contains(disable, plugin.Name) || off(plugin.Name) && !slices.Contains(enable, plugin.Name) {
			continue
		}
		if !deps.possible(plugin.Name) {
			continue
		}
		on = append(on, plugin)
	}
	// What cannot be compiled is refused whatever is switched off.
	on = append(on, admission.Plugin{Name: "AdmissionExpressions", Validator: &policy.Check{Environments: &expression.Environments{}}})
	return admission.NewChain(on...).Measured(metrics), nil
}

func checkNames(plugins []admission.Plugin, enable, disable []string) error {
	var names []string
	for _, plugin := range plugins {
		names = append(names, plugin.Name)
	}
	for _, name := range slices.Concat(enable, disable) {
		known, byDefault := absent(name)
		switch {
		case slices.Contains(enable, name) && slices.Contains(disable, name):
			return fmt.Errorf("admission plugin %q is both enabled and disabled", name)
		case slices.Contains(names, name), known && (byDefault || !slices.Contains(enable, name)):
		case known:
			return fmt.Errorf("admission plugin %q is not implemented", name)
		default:
			return fmt.Errorf("unknown admission plugin %q, known are %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}
