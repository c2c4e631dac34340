package plugins

import (
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/alwaysdeny"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/alwayspullimages"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/certificates"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/defaultingressclass"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/defaultstorageclass"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/defaulttolerationseconds"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/denyserviceexternalips"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/eventratelimit"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/extendedresourcetoleration"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/hardantiaffinity"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/imagepolicywebhook"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/limitranger"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/matching"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/namespaceautoprovision"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/namespaceexists"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/namespacelifecycle"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/nodedeclaredfeatures"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/noderestriction"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/ownerreferences"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/podnodeselector"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/podresize"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/podsecurity"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/podtolerationrestriction"
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

// entry is a plugin, and whether it is on by default.
type entry struct {
	admission.Plugin
	off bool
	// make makes the plugin when it is on; nil where it is made already.
	make func(p *admission.Plugin) error
}

// on is a plugin that is on by default.
func on(name string, mutator admission.Mutator, validator admission.Validator) entry {
	return entry{Plugin: admission.Plugin{Name: name, Mutator: mutator, Validator: validator}}
}

// off is a plugin that is off unless it is asked for.
func off(name string, mutator admission.Mutator, validator admission.Validator) entry {
	return entry{Plugin: admission.Plugin{Name: name, Mutator: mutator, Validator: validator}, off: true}
}

// list is all plugins in the order in which they are asked, which is upstream's.
func list(deps Deps, metrics *admission.Metrics) ([]entry, error) {
	limits := &limitranger.Plugin{Lister: deps.Lister}
	account := &serviceaccount.Plugin{Lister: deps.Lister, Await: deps.Await}
	priorities := &priority.Plugin{Lister: deps.Lister}
	runtimes := &runtimeclass.Plugin{Lister: deps.Lister}
	security, err := podsecurity.New(deps.Lister, deps.Configuration)
	if err != nil {
		return nil, err
	}
	metrics.Add(security.Metrics())
	last, err := configurable(deps, metrics)
	if err != nil {
		return nil, err
	}
	return append([]entry{
		off("AlwaysAdmit", nil, nil),
		off(autoProvision, &namespaceautoprovision.Plugin{Lister: deps.Lister, Creator: deps.Namespaces}, nil),
		on("NamespaceLifecycle", &namespacelifecycle.Plugin{Lister: deps.Lister}, nil),
		off("NamespaceExists", nil, &namespaceexists.Plugin{Lister: deps.Lister}),
		off("LimitPodHardAntiAffinityTopology", nil, hardantiaffinity.Plugin{}),
		on("LimitRanger", limits, limits),
		on("ServiceAccount", account, account),
		on("NodeRestriction", nil, &noderestriction.Plugin{Lister: deps.Lister, Authorizer: deps.Authorizer}),
		on("TaintNodesByCondition", taintnodesbycondition.Plugin{}, nil),
		off("AlwaysPullImages", alwayspullimages.Plugin{}, alwayspullimages.Plugin{}),
		{Plugin: admission.Plugin{Name: imagepolicywebhook.Name}, off: true, make: deps.imagePolicy},
		on(podsecurity.Name, nil, security),
		{Plugin: admission.Plugin{Name: podnodeselector.Name}, off: true, make: deps.nodeSelector},
		on("Priority", priorities, priorities),
		on("DefaultTolerationSeconds", &defaulttolerationseconds.Plugin{}, nil),
		{Plugin: admission.Plugin{Name: podtolerationrestriction.Name}, off: true, make: deps.tolerations},
		{Plugin: admission.Plugin{Name: eventratelimit.Name}, off: true, make: deps.eventRates},
		off("ExtendedResourceToleration", extendedresourcetoleration.Plugin{}, nil),
		on("DefaultStorageClass", &defaultstorageclass.Plugin{Lister: deps.Lister}, nil),
		on("StorageObjectInUseProtection", storageobjectinuse.Plugin{}, nil),
		off("OwnerReferencesPermissionEnforcement", nil, &ownerreferences.Plugin{Authorizer: deps.Authorizer, Resource: deps.resource}),
		on("PersistentVolumeClaimResize", nil, &pvcresize.Plugin{Lister: deps.Lister}),
		on("RuntimeClass", runtimes, runtimes),
		on("CertificateApproval", nil, &certificates.Approval{Authorizer: deps.Authorizer}),
		on("CertificateSigning", nil, &certificates.Signing{Authorizer: deps.Authorizer}),
		on("CertificateSubjectRestriction", nil, certificates.Subject{}),
		on("DefaultIngressClass", &defaultingressclass.Plugin{Lister: deps.Lister}, nil),
		on("PodTopologyLabels", &podtopologylabels.Plugin{Lister: deps.Lister}, nil),
		on("NodeDeclaredFeatureValidator", nil, &nodedeclaredfeatures.Plugin{Lister: deps.Lister}),
		on("PodResizeValidator", nil, &podresize.Plugin{Lister: deps.Lister}),
		off("DenyServiceExternalIPs", nil, denyserviceexternalips.Plugin{}),
	}, last...), nil
}

// configurable are the plugins that do what objects of the cluster say, and those behind them.
func configurable(deps Deps, metrics *admission.Metrics) ([]entry, error) {
	matcher, environments := matching.Matcher{Lister: deps.Lister, Rows: deps.Rows}, &expression.Environments{Metrics: metrics}
	hooks := webhook.Deps{Matcher: matcher, Authorizer: deps.Authorizer, Environments: environments, Metrics: metrics}
	var err error
	if hooks.Mutating, err = identified(deps.Webhooks, mutatingWebhook, deps.Configuration); err != nil {
		return nil, err
	}
	if hooks.Validating, err = identified(deps.Webhooks, validatingWebhook, deps.Configuration); err != nil {
		return nil, err
	}
	limited, err := resourcequota.Configured(deps.Configuration)
	if err != nil {
		return nil, err
	}
	mutating, validating := webhook.New(hooks)
	policies := policy.Deps{Matcher: matcher, Environments: environments, Authorizer: deps.Authorizer, Find: deps.Objects, Metrics: metrics}
	return []entry{
		on(mutatingPolicy, policy.NewMutating(policies), nil),
		on(mutatingWebhook, mutating, nil),
		on(validatingPolicy, nil, policy.NewValidating(policies)),
		on(validatingWebhook, nil, validating),
		on(resourcequota.Name, nil, &resourcequota.Plugin{Lister: deps.Lister, Writer: deps.Quotas, Limited: limited}),
		off("AlwaysDeny", alwaysdeny.Plugin{}, alwaysdeny.Plugin{}),
	}, nil
}

func (d Deps) nodeSelector(p *admission.Plugin) error {
	made, err := podnodeselector.New(d.Lister, d.Configuration)
	p.Mutator, p.Validator = made, made
	return err
}

func (d Deps) tolerations(p *admission.Plugin) error {
	made, err := podtolerationrestriction.New(d.Lister, d.Configuration)
	p.Mutator, p.Validator = made, made
	return err
}

func (d Deps) eventRates(p *admission.Plugin) error {
	made, err := eventratelimit.New(d.Clock, d.Configuration)
	p.Validator = made
	return err
}

func (d Deps) imagePolicy(p *admission.Plugin) error {
	made, err := imagepolicywebhook.New(d.Clock, d.Configuration)
	p.Validator = made
	return err
}

// identified calls webhooks by the credentials that are configured for a plugin.
func identified(clients *webhookclient.Clients, plugin string, from *configuration.File) (*webhookclient.Clients, error) {
	credentials, err := webhook.Credentials(plugin, from)
	if err != nil || credentials == nil || clients == nil {
		return clients, err
	}
	return &webhookclient.Clients{Resolver: clients.Resolver, Credentials: credentials}, nil
}
