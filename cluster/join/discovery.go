package join

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	bootstrap "k8s.io/cluster-bootstrap/token/api"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/controllers/bootstrapsigner"
)

// ErrRefused marks what no second attempt will change.
var ErrRefused = errors.New("joining was refused")

// signaturePatience is how long a server may take to sign for a token that has just been made.
const signaturePatience = 10 * time.Second

// infoPath is where anybody may read what the cluster says of itself.
const infoPath = "/api/v1/namespaces/kube-public/configmaps/" + bootstrap.ConfigMapClusterInfo

// Discovery finds out whom to trust.
type Discovery struct {
	Servers *Servers
	Token   Token
	// Hashes of authorities' public keys, as kubeadm writes them: sha256:<64 hexadecimal digits>. Only authorities that match one of them are believed.
	Hashes []string
	Clock  clock.Clock
}

// Run returns the PEM of the cluster's authorities. It waits for a server as long as none answers, and fails with
// ErrRefused when one answers that is not to be believed.
func (d *Discovery) Run(ctx context.Context) ([]byte, error) {
	transport := d.Servers.insecure()
	defer transport.CloseConnections()
	wait, since, told := 100*time.Millisecond, d.Clock.Now(), ""
	for {
		authority, err := d.attempt(ctx, transport)
		unsigned := errors.Is(err, errUnsigned)
		switch {
		case err == nil:
			return authority, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, ErrRefused):
			return nil, err
		case unsigned && d.Clock.Since(since) > signaturePatience:
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		case !unsigned:
			if since = d.Clock.Now(); told != err.Error() {
				told = err.Error()
				log.FromContext(ctx).Info("No API server answers yet", "servers", d.Servers.All(), "error", told)
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-d.Clock.After(wait):
		}
		wait = min(2*wait, 5*time.Second)
		if unsigned {
			wait = min(wait, 500*time.Millisecond)
		}
	}
}

// errUnsigned says that the server has no signature of our token, or not yet.
var errUnsigned = errors.New("the server does not know this token: it is wrong or has expired; `coxswain token create` on the server makes a new one")

func (d *Discovery) attempt(ctx context.Context, transport http.RoundTripper) ([]byte, error) {
	info, err := fetchInfo(ctx, transport)
	if err != nil {
		return nil, err
	}
	text := info.Data[bootstrap.KubeConfigKey]
	config, err := clientcmd.Load([]byte(text))
	if err != nil || len(config.Clusters) != 1 {
		return nil, fmt.Errorf("%w: the server's cluster-info is no kubeconfig with one cluster", ErrRefused)
	}
	var authority []byte
	for _, cluster := range config.Clusters {
		authority = cluster.CertificateAuthorityData
	}
	believed := d.pinned(authority)
	if believed == nil {
		return nil, fmt.Errorf("%w: the server's certificate authority is not the one that was pinned: its key is sha256:%s; is this the right server?", ErrRefused, KeyHash(authority))
	}
	if d.Token.Hash == "" {
		return believed, d.checkSignature(info, text)
	}
	return believed, nil
}

// checkSignature says whether whoever wrote cluster-info knows our token.
func (d *Discovery) checkSignature(info *corev1.ConfigMap, text string) error {
	signature, ok := info.Data[bootstrap.JWSSignatureKeyPrefix+d.Token.ID]
	if !ok {
		return errUnsigned
	}
	want, err := bootstrapsigner.Sign(text, d.Token.ID, d.Token.Secret)
	if err != nil {
		return err
	}
	if signature != want {
		return fmt.Errorf("%w: the server has signed with another secret of token %s: the token is mistyped, or this is not the server that it is for", ErrRefused, d.Token.ID)
	}
	return nil
}

// pinned returns those of the authorities that the user expects, nil if there are none. Hashes are of one key each: what stands
// beside a certificate that matches is not believed for its sake.
func (d *Discovery) pinned(authority []byte) []byte {
	if d.Token.Hash != "" && hashOf(authority) != d.Token.Hash {
		return nil
	}
	if len(d.Hashes) == 0 {
		return authority
	}
	var believed []byte
	for block, rest := pem.Decode(authority); block != nil; block, rest = pem.Decode(rest) {
		certificate := &pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes}
		hash := "sha256:" + keyHash(certificate)
		if slices.ContainsFunc(d.Hashes, func(pin string) bool { return strings.EqualFold(pin, hash) }) {
			believed = append(believed, pem.EncodeToMemory(certificate)...)
		}
	}
	return believed
}

// IsHash says whether a text has the form of what kubeadm pins.
func IsHash(text string) bool {
	hash, ok := strings.CutPrefix(strings.ToLower(text), "sha256:")
	return ok && hashPattern.MatchString(hash)
}

// KeyHash is the SHA-256 of the public key of the first certificate, in hexadecimal digits: what kubeadm pins.
func KeyHash(authority []byte) string {
	block, _ := pem.Decode(authority)
	if block == nil {
		return ""
	}
	return keyHash(block)
}

func keyHash(block *pem.Block) string {
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

func fetchInfo(ctx context.Context, transport http.RoundTripper) (*corev1.ConfigMap, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+serverName+infoPath, nil)
	if err != nil {
		return nil, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("asking for cluster-info: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("reading cluster-info: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for cluster-info: %s: %s", response.Status, bytes.TrimSpace(data))
	}
	info := &corev1.ConfigMap{}
	if err := json.Unmarshal(data, info); err != nil {
		return nil, fmt.Errorf("reading cluster-info: %w", err)
	}
	return info, nil
}
