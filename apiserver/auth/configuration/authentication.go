package configuration

import (
	"errors"
	"fmt"
	"os"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
)

// OIDC are the flags that configure one issuer, by upstream's names.
type OIDC struct {
	// IssuerURL and ClientID, the audience of tokens, go together.
	IssuerURL string `json:"oidc-issuer-url,omitempty"`
	ClientID  string `json:"oidc-client-id,omitempty"`
	// CAFile verifies the issuer; without it, the machine's authorities do.
	CAFile string `json:"oidc-ca-file,omitempty"`
	// UsernameClaim defaults to sub. Names are prefixed by the issuer unless the claim is email; "-" means no prefix.
	UsernameClaim  string `json:"oidc-username-claim,omitempty"`
	UsernamePrefix string `json:"oidc-username-prefix,omitempty"`
	GroupsClaim    string `json:"oidc-groups-claim,omitempty"`
	GroupsPrefix   string `json:"oidc-groups-prefix,omitempty"`
	// SigningAlgs of tokens; default RS256.
	SigningAlgs []string `json:"oidc-signing-algs,omitempty"`
	// RequiredClaims and their values.
	RequiredClaims map[string]string `json:"oidc-required-claim,omitempty"`
}

// Given says whether any of the flags is.
func (o *OIDC) Given() bool {
	return o.IssuerURL != "" || o.ClientID != "" || o.CAFile != "" || o.UsernameClaim != "" || o.UsernamePrefix != "" ||
		o.GroupsClaim != "" || o.GroupsPrefix != "" || len(o.SigningAlgs) > 0 || len(o.RequiredClaims) > 0
}

// Configuration is what the flags say.
func (o *OIDC) Configuration() (*apiserver.AuthenticationConfiguration, error) {
	if o.IssuerURL == "" || o.ClientID == "" {
		return nil, errors.New("oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set")
	}
	one := apiserver.JWTAuthenticator{Issuer: apiserver.Issuer{URL: o.IssuerURL, Audiences: []string{o.ClientID}}}
	claim, prefix := o.UsernameClaim, o.UsernamePrefix
	if claim == "" {
		claim = "sub"
	}
	switch {
	case prefix == "-":
		prefix = ""
	case prefix == "" && claim != "email":
		prefix = o.IssuerURL + "#"
	}
	one.ClaimMappings.Username = apiserver.PrefixedClaimOrExpression{Claim: claim, Prefix: &prefix}
	if o.GroupsClaim != "" {
		one.ClaimMappings.Groups = apiserver.PrefixedClaimOrExpression{Claim: o.GroupsClaim, Prefix: &o.GroupsPrefix}
	}
	for name, value := range o.RequiredClaims {
		one.ClaimValidationRules = append(one.ClaimValidationRules, apiserver.ClaimValidationRule{Claim: name, RequiredValue: value})
	}
	if o.CAFile != "" {
		authority, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading --oidc-ca-file: %w", err)
		}
		one.Issuer.CertificateAuthority = string(authority)
	}
	return &apiserver.AuthenticationConfiguration{JWT: []apiserver.JWTAuthenticator{one}}, nil
}

// LoadAuthentication reads an AuthenticationConfiguration. The content is returned beside it.
func LoadAuthentication(path string) (*apiserver.AuthenticationConfiguration, []byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("failed to load authentication configuration from file %q: %w", path, err)
	}
	config, err := ParseAuthentication(path, data)
	return config, data, err
}

// ParseAuthentication reads the content of an AuthenticationConfiguration.
func ParseAuthentication(path string, data []byte) (*apiserver.AuthenticationConfiguration, error) {
	config, err := decodeAuthentication(data)
	if err != nil {
		return nil, fmt.Errorf("failed to load authentication configuration from file %q: %w", path, err)
	}
	return config, nil
}

// ValidateAuthentication returns everything that is wrong with a configuration. The disallowed issuers are our own.
func ValidateAuthentication(config *apiserver.AuthenticationConfiguration, disallowed []string) error {
	errs := validation.ValidateAuthenticationConfiguration(authenticationcel.NewDefaultCompiler(), config, disallowed)
	if err := errs.ToAggregate(); err != nil {
		return fmt.Errorf("invalid authentication configuration: %w", err)
	}
	return nil
}
