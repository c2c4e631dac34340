package configuration

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	authorizationcel "k8s.io/apiserver/pkg/authorization/cel"
)

// Modes of authorization.
const (
	modeAlwaysAllow = "AlwaysAllow"
	modeAlwaysDeny  = "AlwaysDeny"
	modeABAC        = "ABAC"
	modeWebhook     = "Webhook"
	modeRBAC        = "RBAC"
	modeNode        = "Node"
)

var modes = []string{modeAlwaysAllow, modeAlwaysDeny, modeABAC, modeWebhook, modeRBAC, modeNode}

// webhookPatience is how long a webhook that flags configure may take.
const webhookPatience = 30 * time.Second

// Authorization are the flags that say who decides, by upstream's names.
type Authorization struct {
	// Config is an AuthorizationConfiguration, in place of all others.
	Config string `json:"authorization-config,omitempty"`
	// Modes in the order in which they are asked; default Node, RBAC.
	Modes []string `json:"authorization-mode,omitempty"`
	// PolicyFile of the mode ABAC.
	PolicyFile string `json:"authorization-policy-file,omitempty"`
	// WebhookConfigFile is a kubeconfig, of the mode Webhook.
	WebhookConfigFile string `json:"authorization-webhook-config-file,omitempty"`
	// WebhookVersion of SubjectAccessReview; default v1beta1.
	WebhookVersion string `json:"authorization-webhook-version,omitempty"`
	// WebhookCacheAuthorizedTTL is how long permissions are remembered, default 5m; WebhookCacheUnauthorizedTTL refusals, default 30s.
	WebhookCacheAuthorizedTTL   metav1.Duration `json:"authorization-webhook-cache-authorized-ttl,omitempty"`
	WebhookCacheUnauthorizedTTL metav1.Duration `json:"authorization-webhook-cache-unauthorized-ttl,omitempty"`
}

// DefaultAuthorization is the Node authorizer and RBAC. No modes at all, in contrast, allow everything.
func DefaultAuthorization() Authorization {
	return Authorization{
		Modes: []string{modeNode, modeRBAC}, WebhookVersion: "v1beta1",
		WebhookCacheAuthorizedTTL:   metav1.Duration{Duration: 5 * time.Minute},
		WebhookCacheUnauthorizedTTL: metav1.Duration{Duration: 30 * time.Second},
	}
}

// AllowsAll says whether the flags let everybody do anything.
func (o *Authorization) AllowsAll() bool {
	return o.Config == "" && (len(o.Modes) == 0 || slices.Contains(o.Modes, modeAlwaysAllow))
}

// Validate returns what is wrong with the flags; a file is looked at when it is loaded.
func (o *Authorization) Validate() error {
	if o.Config != "" {
		defaults := DefaultAuthorization()
		if len(o.Modes) > 0 && !slices.Equal(o.Modes, defaults.Modes) || o.WebhookConfigFile != "" || o.WebhookVersion != defaults.WebhookVersion ||
			o.WebhookCacheAuthorizedTTL != defaults.WebhookCacheAuthorizedTTL || o.WebhookCacheUnauthorizedTTL != defaults.WebhookCacheUnauthorizedTTL {
			return errors.New("--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined")
		}
		return nil
	}
	var wrong []error
	for _, mode := range o.Modes {
		if !slices.Contains(modes, mode) {
			wrong = append(wrong, fmt.Errorf("authorization-mode %q is not a valid mode", mode))
		}
	}
	if sets.New(o.Modes...).Len() < len(o.Modes) {
		wrong = append(wrong, fmt.Errorf("authorization-mode %q has mode specified more than once", o.Modes))
	}
	for _, file := range []struct{ mode, of, is, value string }{
		{modeABAC, "authorization policy file", "authorization-policy-file", o.PolicyFile},
		{modeWebhook, "authorization config file", "authorization-webhook-config-file", o.WebhookConfigFile},
	} {
		switch has := slices.Contains(o.Modes, file.mode); {
		case has && file.value == "":
			wrong = append(wrong, fmt.Errorf("authorization-mode %s's %s not passed", file.mode, file.of))
		case !has && file.value != "":
			wrong = append(wrong, fmt.Errorf("cannot specify --%s without mode %s", file.is, file.mode))
		}
	}
	return errors.Join(wrong...)
}

// Configuration is what the flags say.
func (o *Authorization) Configuration() *apiserver.AuthorizationConfiguration {
	config := &apiserver.AuthorizationConfiguration{}
	given := o.Modes
	if len(given) == 0 {
		given = []string{modeAlwaysAllow}
	}
	for _, mode := range given {
		one := apiserver.AuthorizerConfiguration{Type: apiserver.AuthorizerType(mode), Name: strings.ToLower(mode)}
		if mode == modeWebhook {
			one.Name = "default"
			one.Webhook = &apiserver.WebhookConfiguration{
				AuthorizedTTL: o.WebhookCacheAuthorizedTTL, CacheAuthorizedRequests: o.WebhookCacheAuthorizedTTL.Duration > 0,
				UnauthorizedTTL: o.WebhookCacheUnauthorizedTTL, CacheUnauthorizedRequests: o.WebhookCacheUnauthorizedTTL.Duration > 0,
				Timeout: metav1.Duration{Duration: webhookPatience}, FailurePolicy: apiserver.FailurePolicyNoOpinion,
				SubjectAccessReviewVersion: o.WebhookVersion,
				ConnectionInfo: apiserver.WebhookConnectionInfo{
					Type: apiserver.AuthorizationWebhookConnectionInfoTypeKubeConfigFile, KubeConfigFile: &o.WebhookConfigFile,
				},
			}
		}
		config.Authorizers = append(config.Authorizers, one)
	}
	return config
}

// LoadAuthorization reads an AuthorizationConfiguration. The content is returned beside it.
func LoadAuthorization(path string) (*apiserver.AuthorizationConfiguration, []byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	config, err := ParseAuthorization(data)
	return config, data, err
}

// ParseAuthorization reads and checks the content of an AuthorizationConfiguration.
func ParseAuthorization(data []byte) (*apiserver.AuthorizationConfiguration, error) {
	config, err := decodeAuthorization(data)
	if err != nil {
		return nil, err
	}
	errs := validation.ValidateAuthorizationConfiguration(authorizationcel.NewDefaultCompiler(), nil, config, sets.New(modes...), sets.New(modeWebhook))
	return config, errs.ToAggregate()
}
