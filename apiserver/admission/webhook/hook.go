package webhook

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/matching"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// hook is one webhook of a configuration, compiled.
type hook struct {
	// id is the same for as long as the webhook stands at its place in its configuration.
	id, configuration, name string
	index                   int // among all webhooks of its kind
	criteria                *matching.Criteria
	conditions              expression.Conditions
	wrong                   error // why it cannot be matched or called
	client                  webhookclient.Config
	timeout                 time.Duration
	failOpen, reinvoke      bool
	// dryRun says that the webhook may be called for what is not to be stored.
	dryRun   bool
	versions []string // of AdmissionReview
}

// compiled are the hooks as of a revision of their configurations.
type compiled struct {
	revision int64
	hooks    []*hook
}

// source keeps hooks until their configurations change.
type source struct {
	of   schema.GroupResource
	read func(admission.Lister) []*hook

	mu   sync.RWMutex
	kept compiled
}

// hooks in the order in which they are asked.
func (s *source) hooks(l admission.Lister) []*hook {
	now := l.Changed(s.of)
	s.mu.RLock()
	kept := s.kept
	s.mu.RUnlock()
	if kept.revision == now && (now != 0 || kept.hooks == nil) {
		return kept.hooks
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept.revision != now {
		s.kept = compiled{revision: now, hooks: s.read(l)}
	}
	return s.kept.hooks
}

func (d *Deps) mutatingHooks(l admission.Lister) []*hook {
	all := auth.List[*admissionregistrationv1.MutatingWebhookConfiguration](l, mutating(), "")
	slices.SortFunc(all, func(a, b *admissionregistrationv1.MutatingWebhookConfiguration) int {
		return cmp.Compare(a.Name, b.Name)
	})
	var hooks []*hook
	for _, configuration := range all {
		for i := range configuration.Webhooks {
			w := &configuration.Webhooks[i]
			h := d.newHook(configuration.Name, common(w))
			h.reinvoke = ptr.Deref(w.ReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy) == admissionregistrationv1.IfNeededReinvocationPolicy
			hooks = append(hooks, h)
		}
	}
	return numbered(hooks)
}

// common is what the two kinds of webhooks have in common.
func common(w *admissionregistrationv1.MutatingWebhook) *admissionregistrationv1.ValidatingWebhook {
	return &admissionregistrationv1.ValidatingWebhook{
		Name: w.Name, ClientConfig: w.ClientConfig, Rules: w.Rules, FailurePolicy: w.FailurePolicy, MatchPolicy: w.MatchPolicy,
		NamespaceSelector: w.NamespaceSelector, ObjectSelector: w.ObjectSelector, SideEffects: w.SideEffects, TimeoutSeconds: w.TimeoutSeconds,
		AdmissionReviewVersions: w.AdmissionReviewVersions, MatchConditions: w.MatchConditions,
	}
}

func (d *Deps) validatingHooks(l admission.Lister) []*hook {
	all := auth.List[*admissionregistrationv1.ValidatingWebhookConfiguration](l, validating(), "")
	slices.SortFunc(all, func(a, b *admissionregistrationv1.ValidatingWebhookConfiguration) int {
		return cmp.Compare(a.Name, b.Name)
	})
	var hooks []*hook
	for _, configuration := range all {
		for i := range configuration.Webhooks {
			hooks = append(hooks, d.newHook(configuration.Name, &configuration.Webhooks[i]))
		}
	}
	return numbered(hooks)
}

// numbered tells webhooks of one name apart.
func numbered(hooks []*hook) []*hook {
	seen := map[string]int{}
	for i, h := range hooks {
		h.index = i
		name := h.configuration + "/" + h.name
		h.id = name + "/" + strconv.Itoa(seen[name])
		seen[name]++
	}
	return hooks
}

func (d *Deps) newHook(configuration string, w *admissionregistrationv1.ValidatingWebhook) *hook {
	effects := ptr.Deref(w.SideEffects, admissionregistrationv1.SideEffectClassUnknown)
	h := &hook{
		configuration: configuration, name: w.Name, versions: w.AdmissionReviewVersions,
		timeout:  time.Duration(ptr.Deref(w.TimeoutSeconds, 10)) * time.Second,
		failOpen: ptr.Deref(w.FailurePolicy, admissionregistrationv1.Fail) == admissionregistrationv1.Ignore,
		dryRun:   effects == admissionregistrationv1.SideEffectClassNone || effects == admissionregistrationv1.SideEffectClassNoneOnDryRun,
		client:   clientConfig(&w.ClientConfig),
	}
	h.criteria, h.wrong = matching.New(matching.Source{
		Include: matching.WebhookRules(w.Rules), Policy: w.MatchPolicy, Namespaces: w.NamespaceSelector, Objects: w.ObjectSelector,
	})
	if len(w.MatchConditions) > 0 {
		h.conditions = d.Environments.Compiler(expression.Scope{Namespace: true, Authorizer: true, Stored: true}).Conditions(w.MatchConditions)
	}
	return h
}

func clientConfig(c *admissionregistrationv1.WebhookClientConfig) webhookclient.Config {
	config := webhookclient.Config{URL: ptr.Deref(c.URL, ""), CABundle: c.CABundle}
	if s := c.Service; s != nil {
		config.Service = &webhookclient.Service{Namespace: s.Namespace, Name: s.Name, Path: ptr.Deref(s.Path, ""), Port: ptr.Deref(s.Port, 443)}
	}
	return config
}

func mutating() schema.GroupResource {
	return schema.GroupResource{Group: admissionregistrationv1.GroupName, Resource: "mutatingwebhookconfigurations"}
}

func validating() schema.GroupResource {
	return schema.GroupResource{Group: admissionregistrationv1.GroupName, Resource: "validatingwebhookconfigurations"}
}
