package configuration

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
)

const (
	authentication = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
	authorization  = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n"
)

// The words are those of a kube-apiserver that was given the same files.
func TestWrongAuthentication(t *testing.T) {
	for content, want := range map[string]string{
		"":                            `failed to load authentication configuration from file "f": empty config data`,
		authentication + "bogus: 1\n": `failed to load authentication configuration from file "f": strict decoding error: unknown field "bogus"`,
		"apiVersion: v1\nkind: Foo\n": `failed to load authentication configuration from file "f": no kind "Foo" is registered for version "v1" in scheme`,
		authorization:                 `expected AuthenticationConfiguration, got *v1.AuthorizationConfiguration`,
		authentication + "jwt:\n- issuer: {url: \"http://x\", audiences: []}\n  claimMappings: {username: {claim: sub}}\nanonymous: {enabled: false, conditions: [{path: foo}]}\n": `invalid authentication configuration: [` +
			`jwt[0].issuer.url: Invalid value: "http://x": URL scheme must be https, jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required, ` +
			`jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing, ` +
			`anonymous.conditions: Invalid value: [{"Path":"foo"}]: enabled should be set to true when conditions are defined]`,
		authentication + "jwt:\n- issuer: {url: \"https://own\", audiences: [a]}\n  claimMappings: {username: {expression: \"1 +\"}}\n": `jwt[0].issuer.url: Invalid value: "https://own": URL must not overlap with disallowed issuers`,
	} {
		config, err := ParseAuthentication("f", []byte(content))
		if err == nil {
			err = ValidateAuthentication(config, []string{"https://own"})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", content, err, want)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, version := range []string{"v1", "v1beta1", "v1alpha1"} {
		given := strings.Replace(authentication, "v1", version, 1) + "jwt:\n- issuer: {url: \"https://x\", audiences: [a]}\n  claimMappings: {username: {claim: sub, prefix: \"\"}}\n"
		config, err := ParseAuthentication("f", []byte(given))
		if err != nil || ValidateAuthentication(config, nil) != nil || len(config.JWT) != 1 {
			t.Errorf("%s: %v %v", version, config, err)
		}
		webhook := "authorizers: [{type: Webhook, name: w, webhook: {timeout: 3s, subjectAccessReviewVersion: v1, failurePolicy: Deny, connectionInfo: {type: KubeConfigFile, kubeConfigFile: " + os.DevNull + "}}}]\n"
		_, err = ParseAuthorization([]byte(strings.Replace(authorization, "v1", version, 1) + webhook))
		if err == nil || !strings.Contains(err.Error(), "must be a regular file") {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestOIDCFlags(t *testing.T) {
	for _, c := range []struct {
		flags  OIDC
		prefix string
		groups string
	}{
		{OIDC{}, "https://x#", ""}, {OIDC{UsernameClaim: "email"}, "", ""}, {OIDC{UsernamePrefix: "-"}, "", ""}, {OIDC{UsernamePrefix: "o:", GroupsClaim: "g"}, "o:", "g"},
	} {
		c.flags.IssuerURL, c.flags.ClientID, c.flags.RequiredClaims = "https://x", "id", map[string]string{"hd": "y"}
		config, err := c.flags.Configuration()
		if err != nil || ValidateAuthentication(config, nil) != nil {
			t.Errorf("%+v: %v", c.flags, err)
			continue
		}
		one := config.JWT[0]
		if *one.ClaimMappings.Username.Prefix != c.prefix || one.ClaimMappings.Groups.Claim != c.groups || !cmp.Equal(one.Issuer.Audiences, []string{"id"}) ||
			!cmp.Equal(one.ClaimValidationRules, []apiserver.ClaimValidationRule{{Claim: "hd", RequiredValue: "y"}}) {
			t.Errorf("%+v: %+v", c.flags, one)
		}
	}
	if _, err := (&OIDC{ClientID: "id"}).Configuration(); err == nil || err.Error() != "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set" {
		t.Error(err)
	}
}

func TestAuthorizationFlags(t *testing.T) {
	flags := func(change func(*Authorization)) Authorization {
		o := DefaultAuthorization()
		change(&o)
		return o
	}
	for _, c := range []struct {
		flags Authorization
		want  string
	}{
		{flags(func(*Authorization) {}), ""},
		{flags(func(o *Authorization) { o.Modes = []string{"Foo"} }), `authorization-mode "Foo" is not a valid mode`},
		{flags(func(o *Authorization) { o.Modes = []string{modeRBAC, modeRBAC} }), `authorization-mode ["RBAC" "RBAC"] has mode specified more than once`},
		{flags(func(o *Authorization) { o.Modes = []string{modeABAC} }), "authorization-mode ABAC's authorization policy file not passed"},
		{flags(func(o *Authorization) { o.Modes = []string{modeWebhook} }), "authorization-mode Webhook's authorization config file not passed"},
		{flags(func(o *Authorization) { o.PolicyFile = "x" }), "cannot specify --authorization-policy-file without mode ABAC"},
		{flags(func(o *Authorization) { o.WebhookConfigFile = "x" }), "cannot specify --authorization-webhook-config-file without mode Webhook"},
		{flags(func(o *Authorization) { o.Config = "x" }), ""},
		{flags(func(o *Authorization) { o.Config, o.Modes = "x", []string{modeRBAC} }), "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined"},
	} {
		got := ""
		if err := c.flags.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestWrongAuthorization(t *testing.T) {
	for content, want := range map[string]string{
		"":                            "authorizers: Required value: at least one authorization mode must be defined",
		"{":                           "failed to load AuthorizationConfiguration from file: couldn't get version/kind; json parse error",
		"apiVersion: v1\nkind: Foo\n": `failed to load AuthorizationConfiguration from file: no kind "Foo" is registered for version "v1" in scheme`,
		authorization + "authorizers: [{type: Foo, name: x}, {type: RBAC, name: rbac}, {type: RBAC, name: again}]\n": `[authorizers[0].type: Unsupported value: "Foo": supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook", ` +
			`authorizers[2].type: Duplicate value: "RBAC"]`,
		authorization + "authorizers: [{type: Webhook, name: w, webhook: {timeout: 40s, subjectAccessReviewVersion: v2, failurePolicy: Maybe, connectionInfo: {type: InClusterConfig}, matchConditions: [{expression: \"1+\"}]}}]\n": `authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified`,
	} {
		if _, err := ParseAuthorization([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", content, err, want)
		}
	}
}

func TestChain(t *testing.T) {
	yes := auth.AllowAll{}
	chain := &Chain{Node: auth.DenyAll{}, RBAC: yes, Clock: clock.RealClock{}, Metrics: authmetrics.New("test")}
	build := func(kinds ...string) *apiserver.AuthorizationConfiguration {
		return (&Authorization{Modes: kinds}).Configuration()
	}
	for _, c := range []struct {
		config *apiserver.AuthorizationConfiguration
		want   authorizer.Decision
	}{
		{build(modeNode, modeRBAC), authorizer.DecisionAllow}, {build(modeNode), authorizer.DecisionNoOpinion}, {build(modeAlwaysDeny), authorizer.DecisionNoOpinion},
		{build(modeAlwaysAllow), authorizer.DecisionAllow}, {build(), authorizer.DecisionAllow},
	} {
		made, err := chain.Build(c.config)
		if err != nil {
			t.Fatal(err)
		}
		if decision, _, _ := made.Authorize(context.Background(), authorizer.AttributesRecord{}); decision != c.want {
			t.Errorf("%+v: %v", c.config, decision)
		}
	}
	if err := Same(build(modeNode, modeRBAC), build(modeRBAC, modeNode)); err != nil {
		t.Error(err)
	}
	if err := Same(build(modeNode, modeRBAC), build(modeNode)); err == nil || err.Error() != "missing required types: [RBAC]" {
		t.Error(err)
	}
	if err := Same(build(modeNode), build(modeNode, modeRBAC)); err == nil {
		t.Error("an authorizer was added by a reload")
	}
}

// A file is read when it is written, replaced, or when the link that it is behind turns, as in the volume of a ConfigMap.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err = errors.Join(err, os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to string) {
		t.Helper()
		err := os.Symlink(to, filepath.Join(dir, "..tmp"))
		if err = errors.Join(err, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data"))); err != nil {
			t.Fatal(err)
		}
	}
	write("1/config", "first")
	write("2/config", "second")
	link("1")
	if err := os.Symlink("..data/config", filepath.Join(dir, "config")); err != nil {
		t.Fatal(err)
	}
	applied := make(chan string, 10)
	file := &File{
		Path: filepath.Join(dir, "config"), Content: []byte("first"), Clock: clock.RealClock{}, Metrics: authmetrics.New("test").AuthorizationConfiguration(),
		Apply: func(_ context.Context, data []byte) error {
			applied <- string(data)
			if string(data) == "wrong" {
				return errors.New("it is wrong")
			}
			return nil
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- file.Follow(ctx) }()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-applied:
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%q was not read", want)
		}
	}
	link("2")
	expect("second")
	write("2/next", "wrong")
	if err := os.Rename(filepath.Join(dir, "2/next"), filepath.Join(dir, "2/config")); err != nil {
		t.Fatal(err)
	}
	expect("wrong")
	write("2/next", "third")
	if err := os.Rename(filepath.Join(dir, "2/next"), filepath.Join(dir, "2/config")); err != nil {
		t.Fatal(err)
	}
	expect("third")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
