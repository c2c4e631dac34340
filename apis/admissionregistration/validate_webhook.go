package admissionregistration

import (
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/admissionregistration/matching"
	"github.com/coxswain-k8s/coxswain/apis/check"
)

const (
	maxTimeoutSeconds = 30
	minNameLabels     = 3
)

// reviewVersions are the versions in which a webhook can be asked.
func reviewVersions() []string { return []string{"v1", "v1beta1"} }

// webhook is what both kinds of webhooks have.
type webhook struct {
	name           string
	client         *admissionregistrationv1.WebhookClientConfig
	rules          []admissionregistrationv1.RuleWithOperations
	failurePolicy  *admissionregistrationv1.FailurePolicyType
	matchPolicy    *admissionregistrationv1.MatchPolicyType
	namespaces     *metav1.LabelSelector
	objects        *metav1.LabelSelector
	sideEffects    *admissionregistrationv1.SideEffectClass
	timeout        *int32
	reviewVersions []string
	conditions     []admissionregistrationv1.MatchCondition
	reinvocation   *admissionregistrationv1.ReinvocationPolicyType
}

func validateValidatingWebhookConfiguration(c *admissionregistrationv1.ValidatingWebhookConfiguration) field.ErrorList {
	hooks := make([]webhook, 0, len(c.Webhooks))
	for i := range c.Webhooks {
		h := &c.Webhooks[i]
		hooks = append(hooks, webhook{
			name: h.Name, client: &h.ClientConfig, rules: h.Rules, failurePolicy: h.FailurePolicy, matchPolicy: h.MatchPolicy,
			namespaces: h.NamespaceSelector, objects: h.ObjectSelector, sideEffects: h.SideEffects, timeout: h.TimeoutSeconds,
			reviewVersions: h.AdmissionReviewVersions, conditions: h.MatchConditions,
		})
	}
	return validateWebhooks(hooks)
}

func validateValidatingWebhookConfigurationUpdate(c, _ *admissionregistrationv1.ValidatingWebhookConfiguration) field.ErrorList {
	return validateValidatingWebhookConfiguration(c)
}

func validateMutatingWebhookConfiguration(c *admissionregistrationv1.MutatingWebhookConfiguration) field.ErrorList {
	hooks := make([]webhook, 0, len(c.Webhooks))
	for i := range c.Webhooks {
		h := &c.Webhooks[i]
		hooks = append(hooks, webhook{
			name: h.Name, client: &h.ClientConfig, rules: h.Rules, failurePolicy: h.FailurePolicy, matchPolicy: h.MatchPolicy,
			namespaces: h.NamespaceSelector, objects: h.ObjectSelector, sideEffects: h.SideEffects, timeout: h.TimeoutSeconds,
			reviewVersions: h.AdmissionReviewVersions, conditions: h.MatchConditions, reinvocation: h.ReinvocationPolicy,
		})
	}
	return validateWebhooks(hooks)
}

func validateMutatingWebhookConfigurationUpdate(c, _ *admissionregistrationv1.MutatingWebhookConfiguration) field.ErrorList {
	return validateMutatingWebhookConfiguration(c)
}

func validateWebhooks(hooks []webhook) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i := range hooks {
		h, path := &hooks[i], field.NewPath("webhooks").Index(i)
		errs = append(errs, h.validate(path)...)
		errs = append(errs, h.validateReviewVersions(path.Child("admissionReviewVersions"))...)
		if h.name == "" {
			continue
		}
		if names.Has(h.name) {
			errs = append(errs, field.Duplicate(path.Child("name"), h.name))
		}
		names.Insert(h.name)
	}
	return errs
}

func (h *webhook) validate(path *field.Path) field.ErrorList {
	errs := validateQualifiedDomain(h.name, path.Child("name"))
	for i := range h.rules {
		errs = append(errs, matching.ValidateRule(&h.rules[i], path.Child("rules").Index(i))...)
	}
	errs = append(errs, matching.ValidateFailurePolicy(h.failurePolicy, path)...)
	errs = append(errs, matching.ValidateMatchPolicy(h.matchPolicy, path)...)
	errs = append(errs, h.validateSideEffects(path.Child("sideEffects"))...)
	if h.timeout != nil && (*h.timeout < 1 || *h.timeout > maxTimeoutSeconds) {
		errs = append(errs, field.Invalid(path.Child("timeoutSeconds"), *h.timeout, "the timeout value must be between 1 and 30 seconds"))
	}
	errs = append(errs, matching.ValidateSelectors(h.namespaces, h.objects, path)...)
	if h.reinvocation != nil {
		errs = append(errs, check.OneOf(path.Child("reinvocationPolicy"), *h.reinvocation,
			admissionregistrationv1.IfNeededReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy)...)
	}
	errs = append(errs, validateClient(h.client, path.Child("clientConfig"))...)
	return append(errs, matching.ValidateConditions(h.conditions, path.Child("matchConditions"))...)
}

func (h *webhook) validateSideEffects(path *field.Path) field.ErrorList {
	if h.sideEffects == nil {
		return field.ErrorList{field.Required(path, "must specify one of None, NoneOnDryRun")}
	}
	return check.OneOf(path, *h.sideEffects, admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.SideEffectClassNoneOnDryRun)
}

func (h *webhook) validateReviewVersions(path *field.Path) field.ErrorList {
	if len(h.reviewVersions) == 0 {
		return field.ErrorList{field.Required(path, "must specify one of "+strings.Join(reviewVersions(), ", "))}
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, version := range h.reviewVersions {
		if seen.Has(version) {
			errs = append(errs, field.Invalid(path.Index(i), version, "duplicate version"))
			continue
		}
		seen.Insert(version)
		errs = append(errs, check.Messages(path.Index(i), version, validation.IsDNS1035Label(version))...)
	}
	if !seen.HasAny(reviewVersions()...) {
		errs = append(errs, field.Invalid(path, h.reviewVersions, "must include at least one of "+strings.Join(reviewVersions(), ", ")))
	}
	return errs
}

// validateQualifiedDomain wants a name such as "imagepolicy.kubernetes.io".
func validateQualifiedDomain(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	if messages := validation.IsDNS1123Subdomain(name); len(messages) > 0 {
		return check.Messages(path, name, messages)
	}
	if len(strings.Split(name, ".")) < minNameLabels {
		return field.ErrorList{field.Invalid(path, name, "should be a domain with at least three segments separated by dots")}
	}
	return nil
}

func validateClient(c *admissionregistrationv1.WebhookClientConfig, path *field.Path) field.ErrorList {
	switch {
	case (c.URL == nil) == (c.Service == nil):
		return field.ErrorList{field.Required(path, "exactly one of url or service is required")}
	case c.URL != nil:
		return check.WebhookURL(path.Child("url"), *c.URL)
	}
	return check.WebhookService(path.Child("service"), check.Service{
		Namespace: c.Service.Namespace, Name: c.Service.Name, Path: c.Service.Path, Port: c.Service.Port})
}
