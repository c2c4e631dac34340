package encrypted

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage/value"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/storagetest"
)

const (
	head  = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n"
	one   = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=" // 32 bytes
	other = "YWJjZGVmZ2hpamFiY2RlZmdoaWphYmNkZWZnaGlqYWI="
)

func loaded(t *testing.T, text string) (*Configuration, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "encryption.yaml")
	if err := os.WriteFile(path, []byte(head+text), 0o600); err != nil {
		t.Fatal(err)
	}
	return load(path, Plugins{})
}

func embed(t *testing.T) storage.Store {
	t.Helper()
	member, err := etcd.Embed(t.Context(), etcd.Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := member.Close(); err != nil {
			t.Error(err)
		}
	})
	return member
}

// over is a store that keeps everything as the configuration says of secrets.
func over(t *testing.T, below storage.Store, text string) *Store {
	t.Helper()
	configuration, err := loaded(t, text)
	if err != nil {
		t.Fatal(err)
	}
	transformer := configuration.For(schema.GroupResource{Resource: "secrets"})
	return &Store{Store: below, Transformer: func(string) value.Transformer { return transformer }}
}

// TestBehaviour runs the suite of all stores.
func TestBehaviour(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store {
		return over(t, embed(t), "- {resources: [secrets], providers: [{aesgcm: {keys: [{name: k, secret: "+one+"}]}}]}")
	})
}

func TestValuesAreRenewed(t *testing.T) {
	ctx, key, plain := context.Background(), storage.Root+"secrets/a/b", []byte("hidden")
	below := embed(t)
	stored := func() string {
		record, err := below.Get(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		return string(record.Value)
	}
	if _, err := below.Commit(ctx, storage.Op{Key: key, Value: plain}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ providers, prefix string }{
		{"[{aescbc: {keys: [{name: k, secret: " + one + "}]}}, {identity: {}}]", "k8s:enc:aescbc:v1:k:"},
		{"[{aesgcm: {keys: [{name: l, secret: " + other + "}]}}, {aescbc: {keys: [{name: k, secret: " + one + "}]}}]", "k8s:enc:aesgcm:v1:l:"},
		{"[{secretbox: {keys: [{name: m, secret: " + one + "}]}}, {aesgcm: {keys: [{name: l, secret: " + other + "}]}}]", "k8s:enc:secretbox:v1:m:"},
		{"[{identity: {}}, {secretbox: {keys: [{name: m, secret: " + one + "}]}}]", "hidden"},
	} {
		s := over(t, below, "- {resources: [secrets], providers: "+step.providers+"}")
		record, err := s.Get(ctx, key)
		if err != nil || !bytes.Equal(record.Value, plain) || record.Stale == nil || !record.Stale() {
			t.Fatalf("%s: read %q, stale %t, %v", step.prefix, record.Value, record.Stale != nil, err)
		}
		if _, err := s.Commit(ctx, storage.Op{Key: key, Value: plain, Expected: record.Revision}); err != nil {
			t.Fatal(err)
		}
		if got := stored(); !strings.HasPrefix(got, step.prefix) {
			t.Errorf("stored %q, want it to begin with %s", got, step.prefix)
		}
		if record, err = s.Get(ctx, key); err != nil || record.Stale != nil || !bytes.Equal(record.Value, plain) {
			t.Errorf("%s: after the write %q, stale %t, %v", step.prefix, record.Value, record.Stale != nil, err)
		}
	}
}

// A value that was moved to another key, or whose key is lost, stays unreadable and stops nothing.
func TestValueThatCannotBeRead(t *testing.T) {
	ctx, below := context.Background(), embed(t)
	s := over(t, below, "- {resources: [secrets], providers: [{aesgcm: {keys: [{name: k, secret: "+one+"}]}}]}")
	a, b := storage.Root+"secrets/a/a", storage.Root+"secrets/a/b"
	if _, err := s.Commit(ctx, storage.Op{Key: a, Value: []byte("hidden")}); err != nil {
		t.Fatal(err)
	}
	cipher, err := below.Get(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := below.Commit(ctx, storage.Op{Key: b, Value: cipher.Value}); err != nil {
		t.Fatal(err)
	}
	page, err := s.Range(ctx, storage.Range{Prefix: storage.Root + "secrets/"})
	if err != nil || len(page.Records) != 2 {
		t.Fatalf("%d records, %v", len(page.Records), err)
	}
	if got := string(page.Records[0].Value); got != "hidden" {
		t.Errorf("the good one reads %q", got)
	}
	if !bytes.Equal(page.Records[1].Value, cipher.Value) {
		t.Errorf("the moved one reads %q", page.Records[1].Value)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	keys := "keys: [{name: k, secret: " + one + "}]"
	for text, want := range map[string]string{
		"- {resources: [], providers: [{identity: {}}]}":                                                                "resources[0].resources: Required value",
		"- {resources: [secrets], providers: []}":                                                                       "resources[0].providers: Required value",
		"- {resources: [secrets], providers: [{}]}":                                                                     "provider does not contain any of the expected providers",
		"- {resources: ['*'], providers: [{identity: {}}]}":                                                             "use '*.' to encrypt all the resources from core API group",
		"- {resources: [Secrets], providers: [{identity: {}}]}":                                                         "resource name should not contain capital letters",
		"- {resources: [events], providers: [{identity: {}}]}":                                                          "encryption of events is not supported",
		"- {resources: [secrets], providers: [{aesgcm: {keys: []}}]}":                                                   "at least one key must be provided",
		"- {resources: [secrets], providers: [{aesgcm: {keys: [{secret: x}]}}]}":                                        "key name must be provided",
		"- {resources: [secrets], providers: [{aesgcm: {keys: [{name: x}]}}]}":                                          "secret must be provided",
		"- {resources: [secrets], providers: [{aesgcm: {keys: [{name: x, secret: '!'}]}}]}":                             "secret must be base64 encoded",
		"- {resources: [secrets], providers: [{secretbox: {keys: [{name: x, secret: YWJj}]}}]}":                         "expected 32 byte secret, got 3",
		"- {resources: [secrets], providers: [{aescbc: {keys: [{name: x, secret: YWJj}]}}]}":                            "invalid key size 3",
		"- {resources: [secrets], providers: [{kms: {name: a, endpoint: 'unix:///a'}}]}":                                "KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead",
		"- {resources: [secrets], providers: [{kms: {apiVersion: v3, name: a, endpoint: 'unix:///a'}}]}":                "kms.apiVersion: Invalid value: \"v3\": unsupported apiVersion",
		"- {resources: [secrets], providers: [{kms: {apiVersion: v2, endpoint: 'unix:///a'}}]}":                         "kms.name: Required value: name is a mandatory field for a provider",
		"- {resources: [secrets], providers: [{kms: {apiVersion: v2, name: 'a:b', endpoint: 'unix:///a'}}]}":            "kms.name: Invalid value: \"a:b\": invalid KMS provider name a:b, must not contain ':'",
		"- {resources: [secrets], providers: [{kms: {apiVersion: v2, name: a}}]}":                                       "kms.endpoint: Invalid value: \"\": endpoint is a mandatory field for a kms",
		"- {resources: [secrets], providers: [{kms: {apiVersion: v2, name: a, endpoint: 'http://x'}}]}":                 "unsupported scheme \"http\" for KMS provider, only unix is supported",
		"- {resources: [secrets], providers: [{kms: {apiVersion: v2, name: a, endpoint: '%xunix:///a'}}]}":              "invalid endpoint for kms provider, error: parse",
		"- {resources: [secrets], providers: [{kms: {apiVersion: v2, name: a, cachesize: 10, endpoint: 'unix:///a'}}]}": "kms.cachesize: Invalid value: 10: cachesize is not supported in v2",
		"- {resources: [secrets], providers: [{kms: {apiVersion: v2, name: a, timeout: -1s, endpoint: 'unix:///a'}}]}":  "kms.timeout: Invalid value: \"-1s\": timeout should be a positive value",
		"- {resources: [secrets], providers: [{identity: {}, kms: {apiVersion: v2, name: a, endpoint: 'unix:///a'}}]}":  "more than one provider specified in a single element, should split into different list elements",
		"- {resources: [secrets], providers: [{aesgcm: {" + keys + "}}], more: 1}":                                      `unknown field "more"`,
	} {
		_, err := loaded(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nerror %v\nwant  %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), one) {
			t.Errorf("%s: the error shows the key", text)
		}
	}
}

func TestFirstRuleThatNamesAResourceCounts(t *testing.T) {
	c, err := loaded(t, `
- {resources: [secrets, widgets.example.com], providers: [{aesgcm: {keys: [{name: a, secret: `+one+`}]}}]}
- {resources: ['*.apps'], providers: [{aesgcm: {keys: [{name: b, secret: `+one+`}]}}]}
- {resources: ['*.*'], providers: [{identity: {}}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[schema.GroupResource]string{
		{Resource: "secrets"}:                        "k8s:enc:aesgcm:v1:a:",
		{Group: "example.com", Resource: "widgets"}:  "k8s:enc:aesgcm:v1:a:",
		{Group: "apps", Resource: "deployments"}:     "k8s:enc:aesgcm:v1:b:",
		{Resource: "pods"}:                           "plain",
		{Group: "events.k8s.io", Resource: "events"}: "",
	} {
		got := ""
		if transformer := c.For(resource); transformer != nil {
			data, err := transformer.TransformToStorage(context.Background(), []byte("plain"), value.DefaultContext("key"))
			if err != nil {
				t.Fatal(err)
			}
			got = string(data[:min(len(data), len("k8s:enc:aesgcm:v1:a:"))])
		}
		if got != want {
			t.Errorf("%s is stored as %q, want %q", resource, got, want)
		}
	}
}
