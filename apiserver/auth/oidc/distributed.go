package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"k8s.io/apiserver/pkg/apis/apiserver"
)

// maxSources bounds how many servers of claims one issuer can have us know the keys of.
const maxSources = 64

// source is where a claim is that is not in the token itself (OpenID Connect Core 1.0, 5.6.2).
type source struct {
	Endpoint    string `json:"endpoint"`
	AccessToken string `json:"access_token"`
}

// sources are the servers of claims that one issuer sends us to. Their keys are found as those of issuers are.
type sources struct {
	client   *http.Client
	settings Settings

	mu   sync.Mutex
	keys map[string]*keys
}

// distribute fetches the claim of groups from where the token says that it is, unless it is in the token.
func (i *issuer) distribute(ctx context.Context, c claims) error {
	name := i.config.ClaimMappings.Groups.Claim
	if _, given := c[name]; given || name == "" {
		return nil
	}
	from, ok, err := c.sourceOf(name)
	if err != nil || !ok {
		return err
	}
	token, err := i.sources.get(ctx, from)
	if err != nil {
		return fmt.Errorf("asking for the claim %q: %w", name, err)
	}
	theirs := issuerOf(token)
	keys, err := i.sources.keysOf(theirs)
	if err != nil {
		return err
	}
	found, err := i.check(ctx, token, theirs, keys)
	if err != nil {
		return fmt.Errorf("verify distributed claim token: %w", err)
	}
	value, ok := found[name]
	if !ok {
		return fmt.Errorf("jwt returned by distributed claim endpoint %q did not contain claim: %v", from.Endpoint, name)
	}
	c[name] = value
	return nil
}

// sourceOf says where a claim is that the token only names.
func (c claims) sourceOf(name string) (source, bool, error) {
	var names map[string]string
	if err := c.into("_claim_names", &names); err != nil {
		return source{}, false, fmt.Errorf("parsing claim names: %w", err)
	}
	id, ok := names[name]
	if !ok {
		return source{}, false, nil
	}
	var all map[string]source
	if err := c.into("_claim_sources", &all); err != nil {
		return source{}, false, fmt.Errorf("parsing claim sources: %w", err)
	}
	from, ok := all[id]
	if !ok {
		return source{}, false, fmt.Errorf("claim sources has no source %q", id)
	}
	if err := secure(from.Endpoint); err != nil {
		return source{}, false, fmt.Errorf("the endpoint of the claim source %q: %w", id, err)
	}
	return from, true, nil
}

// secure refuses addresses whose answers could come from anybody.
func secure(address string) error {
	if parsed, err := url.Parse(address); err != nil || parsed.Scheme != "https" || parsed.Host == "" {
		return fmt.Errorf("%q is not an https URL", address)
	}
	return nil
}

// get returns the token at a source.
func (s *sources) get(ctx context.Context, from source) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.Endpoint, nil)
	if err != nil {
		return "", err
	}
	if from.AccessToken != "" {
		request.Header.Set("Authorization", "Bearer "+from.AccessToken)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", from.Endpoint, response.Status)
	}
	return strings.TrimSpace(string(body)), nil
}

// keysOf are those of a server of claims, which signs them as itself.
func (s *sources) keysOf(issuer string) (*keys, error) {
	if err := secure(issuer); err != nil {
		return nil, fmt.Errorf("the issuer of a distributed claim: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.keys[issuer]; known != nil {
		return known, nil
	}
	if len(s.keys) >= maxSources {
		return nil, errors.New("the issuer sends us to too many servers of claims")
	}
	if s.keys == nil {
		s.keys = map[string]*keys{}
	}
	made := newKeys(apiserver.Issuer{URL: issuer}, s.client, s.settings)
	made.metrics = nil // they are of configured issuers
	s.keys[issuer] = made
	return made, nil
}
