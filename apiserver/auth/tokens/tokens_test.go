package tokens

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
)

const api = "https://kubernetes.default.svc"

type world struct {
	*authtest.Lister
	clock    *testingclock.FakeClock
	issuer   *Issuer
	verifier *Verifier
}

func newWorld(t *testing.T, key crypto.Signer) *world {
	t.Helper()
	w := &world{Lister: authtest.New(), clock: testingclock.NewFakeClock(time.Unix(1_800_000_000, 0))}
	w.Add("serviceaccounts", &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "foo", UID: "u-foo"}})
	w.Add("pods", &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p1", UID: "u-p1"},
		Spec:       corev1.PodSpec{ServiceAccountName: "foo", NodeName: "n1"},
	})
	w.Add("nodes", &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "u-n1"}})
	public, err := NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	w.issuer = &Issuer{Lister: w, Clock: w.clock, Issuer: api, Audiences: []string{api}, Key: key}
	w.verifier = &Verifier{Lister: w, Clock: w.clock, Issuers: []string{api}, Audiences: []string{api}, Keys: []PublicKey{public}}
	return w
}

func ecKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (w *world) issue(t *testing.T, spec authenticationv1.TokenRequestSpec) *authenticationv1.TokenRequest {
	t.Helper()
	answer, err := w.issuer.Issue(context.Background(), "default", "foo", &authenticationv1.TokenRequest{Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func podRef() *authenticationv1.BoundObjectReference {
	return &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "p1"}
}

func TestTokenOfAPod(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ES256": ecKey(t), "RS256": rsaKey} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, key)
			answer := w.issue(t, authenticationv1.TokenRequestSpec{BoundObjectRef: podRef(), ExpirationSeconds: ptr.To[int64](3607)})
			var got map[string]any
			payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(answer.Status.Token, ".")[1])
			if err := json.Unmarshal(payload, &got); err != nil {
				t.Fatal(err)
			}
			delete(got, "jti")
			now := float64(1_800_000_000)
			want := map[string]any{
				"aud": []any{api}, "exp": now + 365*24*3600, "iat": now, "nbf": now, "iss": api, "sub": "system:serviceaccount:default:foo",
				"kubernetes.io": map[string]any{
					"namespace": "default", "warnafter": now + 3607,
					"node":           map[string]any{"name": "n1", "uid": "u-n1"},
					"pod":            map[string]any{"name": "p1", "uid": "u-p1"},
					"serviceaccount": map[string]any{"name": "foo", "uid": "u-foo"},
				},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			if got := answer.Status.ExpirationTimestamp.Unix(); got != 1_800_000_000+3607 {
				t.Errorf("expires at %d", got)
			}
			response, ok, err := w.verifier.AuthenticateToken(context.Background(), answer.Status.Token)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if u := response.User; u.GetName() != "system:serviceaccount:default:foo" || u.GetUID() != "u-foo" ||
				u.GetExtra()["authentication.kubernetes.io/pod-name"][0] != "p1" || u.GetExtra()["authentication.kubernetes.io/node-uid"][0] != "u-n1" ||
				!strings.HasPrefix(u.GetExtra()["authentication.kubernetes.io/credential-id"][0], "JTI=") {
				t.Errorf("user %+v", u)
			}
		})
	}
}

func TestTokensEnd(t *testing.T) {
	w := newWorld(t, ecKey(t))
	token := w.issue(t, authenticationv1.TokenRequestSpec{BoundObjectRef: podRef(), ExpirationSeconds: ptr.To[int64](600)}).Status.Token
	check := func(when string, want bool) {
		t.Helper()
		if _, ok, err := w.verifier.AuthenticateToken(context.Background(), token); ok != want || (err == nil) != want {
			t.Errorf("%s: %v %v", when, ok, err)
		}
	}
	check("at first", true)
	pod, _ := w.Get(pods, "default", "p1")
	deleted := pod.DeepCopyObject().(*corev1.Pod)
	deleted.DeletionTimestamp = ptr.To(metav1.NewTime(w.clock.Now()))
	w.Add("pods", deleted)
	check("while the pod shuts down", true)
	w.clock.Step(2 * time.Minute)
	check("long after the pod's deletion", false)
	again := pod.DeepCopyObject().(*corev1.Pod)
	again.UID = "u-other"
	w.Add("pods", again)
	check("with another pod of that name", false)
	w.Remove("pods", "default", "p1")
	check("without the pod", false)
	w.Add("pods", pod)
	check("with the pod again", true)
	w.Remove("serviceaccounts", "default", "foo")
	check("without the account", false)
	w.Add("serviceaccounts", &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "foo", UID: "u-foo"}})
	w.clock.Step(9 * time.Minute)
	check("after it expired", false)
}

func TestAudiences(t *testing.T) {
	w := newWorld(t, ecKey(t))
	token := w.issue(t, authenticationv1.TokenRequestSpec{Audiences: []string{"vault"}}).Status.Token
	_, ok, err := w.verifier.AuthenticateToken(context.Background(), token)
	if want := `token audiences ["vault"] is invalid for the target audiences ["` + api + `"]`; ok || err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	ctx := authenticator.WithAudiences(context.Background(), authenticator.Audiences{"vault", "other"})
	response, ok, err := w.verifier.AuthenticateToken(ctx, token)
	if err != nil || !ok || !cmp.Equal([]string(response.Audiences), []string{"vault"}) {
		t.Errorf("%v %v %+v", ok, err, response)
	}
}

func TestForgeries(t *testing.T) {
	w := newWorld(t, ecKey(t))
	token := w.issue(t, authenticationv1.TokenRequestSpec{}).Status.Token
	parts := strings.Split(token, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	other := newWorld(t, ecKey(t)).issue(t, authenticationv1.TokenRequestSpec{}).Status.Token
	for name, forged := range map[string]string{
		"unsigned": none, "of another key": other, "with another's signature": parts[0] + "." + parts[1] + "." + strings.Split(other, ".")[2],
	} {
		if _, ok, err := w.verifier.AuthenticateToken(context.Background(), forged); ok || err == nil {
			t.Errorf("a token %s was believed", name)
		}
	}
	for _, foreign := range []string{"", "abc", "a.b.c", token[:20]} {
		if _, ok, err := w.verifier.AuthenticateToken(context.Background(), foreign); ok || err != nil {
			t.Errorf("%q is not ours to judge: %v", foreign, err)
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	w := newWorld(t, ecKey(t))
	w.Add("serviceaccounts", &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "default", UID: "d"}})
	ref := func(kind, name, uid string) *authenticationv1.BoundObjectReference {
		r := podRef()
		r.Kind, r.Name = kind, name
		r.UID = types.UID(uid)
		return r
	}
	for _, c := range []struct {
		account string
		spec    authenticationv1.TokenRequestSpec
		want    string
	}{
		{"foo", authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](10)},
			`TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes`},
		{"none", authenticationv1.TokenRequestSpec{}, `serviceaccounts "none" not found`},
		{"foo", authenticationv1.TokenRequestSpec{BoundObjectRef: ref("Pod", "nope", "")}, `pods "nope" not found`},
		{"foo", authenticationv1.TokenRequestSpec{BoundObjectRef: ref("Pod", "p1", "x")},
			`Operation cannot be fulfilled on Pod "p1": the UID in the bound object reference (x) does not match the UID in record. The object might have been deleted and then recreated`},
		{"foo", authenticationv1.TokenRequestSpec{BoundObjectRef: ref("ConfigMap", "p1", "")}, `cannot bind token to object of type /v1, Kind=ConfigMap`},
		{"default", authenticationv1.TokenRequestSpec{BoundObjectRef: ref("Pod", "p1", "")},
			`cannot bind token for serviceaccount "default" to pod running with different serviceaccount name.`},
	} {
		_, err := w.issuer.Issue(context.Background(), "default", c.account, &authenticationv1.TokenRequest{Spec: c.spec})
		if err == nil || err.Error() != c.want {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
	}
}

func TestLegacyTokens(t *testing.T) {
	key := ecKey(t)
	w := newWorld(t, key)
	account, _ := w.Get(accounts, "default", "foo")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "foo-token"}}
	token, err := SignLegacy(key, account.(*corev1.ServiceAccount), secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := w.verifier.AuthenticateToken(context.Background(), token); ok || err == nil {
		t.Error("a token without its secret was believed")
	}
	secret.Data = map[string][]byte{corev1.ServiceAccountTokenKey: []byte(token)}
	w.Add("secrets", secret)
	if response, ok, err := w.verifier.AuthenticateToken(context.Background(), token); !ok || err != nil || response.User.GetUID() != "u-foo" {
		t.Errorf("%v %v", ok, err)
	}
}

func TestBootstrapTokens(t *testing.T) {
	w := newWorld(t, ecKey(t))
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "bootstrap-token-abcdef"}, Type: "bootstrap.kubernetes.io/token",
		Data: map[string][]byte{
			"token-id": []byte("abcdef"), "token-secret": []byte("0123456789abcdef"), "usage-bootstrap-authentication": []byte("true"),
			"expiration": []byte(w.clock.Now().Add(time.Hour).Format(time.RFC3339)), "auth-extra-groups": []byte("system:bootstrappers:x"),
		},
	}
	w.Add("secrets", secret)
	b := &Bootstrap{Lister: w, Clock: w.clock}
	response, ok, err := b.AuthenticateToken(context.Background(), "abcdef.0123456789abcdef")
	if err != nil || !ok || response.User.GetName() != "system:bootstrap:abcdef" ||
		!cmp.Equal(response.User.GetGroups(), []string{"system:bootstrappers", "system:bootstrappers:x"}) {
		t.Fatalf("%v %v %+v", ok, err, response)
	}
	if _, ok, _ := b.AuthenticateToken(context.Background(), "abcdef.0123456789abcdee"); ok {
		t.Error("a wrong secret was believed")
	}
	w.clock.Step(2 * time.Hour)
	if _, ok, _ := b.AuthenticateToken(context.Background(), "abcdef.0123456789abcdef"); ok {
		t.Error("an expired token was believed")
	}
}

func TestDiscovery(t *testing.T) {
	public, err := NewPublicKey(ecKey(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	handlers, err := Discovery(api, func() string { return "https://10.0.0.1:6443/openid/v1/jwks" }, []PublicKey{public})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		ConfigurationPath: `{"issuer":"https://kubernetes.default.svc","jwks_uri":"https://10.0.0.1:6443/openid/v1/jwks","response_types_supported":["id_token"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["ES256"]}`,
		KeysPath:          `{"keys":[{"use":"sig","kty":"EC","kid":"` + public.ID + `","crv":"P-256","alg":"ES256"`,
	} {
		recorder := httptest.NewRecorder()
		handlers[path].ServeHTTP(recorder, httptest.NewRequest("GET", path, nil))
		if got := recorder.Body.String(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
}
