package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 365 * 24 * time.Hour
	// A leaf with less than this left is made again at the next start.
	renewBefore = 60 * 24 * time.Hour
)

// Pair is a certificate with its key, parsed and as PEM.
type Pair struct {
	Certificate     *x509.Certificate
	Key             crypto.Signer
	CertPEM, KeyPEM []byte
}

// TLS returns the pair for use in a tls.Config.
func (p *Pair) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.Certificate.Raw}, PrivateKey: p.Key, Leaf: p.Certificate}
}

// Request describes a leaf certificate.
type Request struct {
	Name       string // file name without extension
	CommonName string
	Groups     []string // organizations
	DNSNames   []string
	Addresses  []net.IP
	Server     bool // may serve
	Client     bool // may authenticate
}

// Authority signs certificates and keeps them in a folder.
type Authority struct {
	Pair
	dir   string
	clock func() time.Time
}

// Open returns the authority kept in dir, which is made when it does not exist. Without a dir nothing is kept.
func Open(dir, commonName string, now func() time.Time) (*Authority, error) {
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	a, err := Read(dir, now)
	if !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	a = &Authority{dir: dir, clock: now}
	template := &x509.Certificate{
		Subject:  pkix.Name{CommonName: commonName},
		NotAfter: now().Add(authorityLife), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{commonName},
	}
	pair, err := a.issue("ca", template, nil)
	if err != nil {
		return nil, err
	}
	a.Pair = *pair
	return a, nil
}

// Read returns the authority kept in dir, or fs.ErrNotExist.
func Read(dir string, now func() time.Time) (*Authority, error) {
	pair, err := load(dir, "ca")
	if err != nil {
		return nil, fmt.Errorf("reading the certificate authority in %s: %w", dir, err)
	}
	return &Authority{Pair: *pair, dir: dir, clock: now}, nil
}

// Pool holds the authority's certificate.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate)
	return pool
}

// errHalf is what is wrong with a key that was replaced when its certificate could not be.
var errHalf = errors.New("does not belong to")

// Leaf returns the certificate that satisfies the request, from the folder if there is one. With an error it returns one, too, that could
// be made but not kept.
func (a *Authority) Leaf(request Request) (*Pair, error) {
	pair, err := load(a.dir, request.Name)
	if err == nil && a.good(pair.Certificate, request) {
		return pair, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errHalf) {
		return nil, fmt.Errorf("reading certificate %s: %w", request.Name, err)
	}
	return a.issue(request.Name, a.leaf(request, leafLife), &a.Pair)
}

// Sign returns a certificate that satisfies the request and is kept nowhere. It cannot outlive the authority.
func (a *Authority) Sign(request Request, life time.Duration) (*Pair, error) {
	template := a.leaf(request, life)
	if end := a.Certificate.NotAfter; template.NotAfter.After(end) {
		return nil, fmt.Errorf("signing certificate %s: it would end after its authority, at %s", request.Name, end.UTC().Format(time.RFC3339))
	}
	return a.sign(request.Name, template, &a.Pair)
}

func (a *Authority) leaf(request Request, life time.Duration) *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: request.CommonName, Organization: request.Groups},
		NotAfter:    a.clock().Add(life),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: request.usages(), DNSNames: request.DNSNames, IPAddresses: request.Addresses,
	}
}

func (r *Request) usages() []x509.ExtKeyUsage {
	var usages []x509.ExtKeyUsage
	if r.Server {
		usages = append(usages, x509.ExtKeyUsageServerAuth)
	}
	if r.Client {
		usages = append(usages, x509.ExtKeyUsageClientAuth)
	}
	return usages
}

// good says whether a certificate on disk is what the request asks for, is signed by this authority and lasts.
func (a *Authority) good(certificate *x509.Certificate, request Request) bool {
	if a.clock().Add(renewBefore).After(certificate.NotAfter) || certificate.CheckSignatureFrom(a.Certificate) != nil {
		return false
	}
	if certificate.Subject.CommonName != request.CommonName || !slices.Equal(certificate.Subject.Organization, request.Groups) {
		return false
	}
	for _, name := range request.DNSNames {
		if !slices.Contains(certificate.DNSNames, name) {
			return false
		}
	}
	return !slices.ContainsFunc(request.Addresses, func(ip net.IP) bool {
		return !slices.ContainsFunc(certificate.IPAddresses, ip.Equal)
	})
}

// issue makes a key and a certificate, signed by parent or by itself, and writes both.
func (a *Authority) issue(name string, template *x509.Certificate, parent *Pair) (*Pair, error) {
	pair, err := a.sign(name, template, parent)
	if err != nil {
		return nil, err
	}
	return pair, save(a.dir, name, pair)
}

func (a *Authority) sign(name string, template *x509.Certificate, parent *Pair) (*Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key for %s: %w", name, err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore = a.clock().Add(-5 * time.Minute)
	signer, authority := crypto.Signer(key), template
	if parent != nil {
		signer, authority = parent.Key, parent.Certificate
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, authority, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("signing certificate %s: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	pair := &Pair{Certificate: certificate, Key: key, CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})}
	pair.KeyPEM, err = encodeKey(key)
	return pair, err
}

// SigningKey returns the key for service account tokens, kept as sa.key. Without a dir it is not kept.
func SigningKey(dir string) (*ecdsa.PrivateKey, error) {
	if dir == "" {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	name := filepath.Join(dir, "sa.key")
	data, err := os.ReadFile(name)
	if err == nil {
		key, err := decodeKey(data)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if data, err = encodeKey(key); err != nil {
		return nil, err
	}
	return key, write(name, data, 0o600)
}

func makeFolder(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder for certificates: %w", err)
	}
	return nil
}

func load(dir, name string) (*Pair, error) {
	if dir == "" {
		return nil, fs.ErrNotExist
	}
	certPEM, err := os.ReadFile(filepath.Join(dir, name+".crt"))
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, name+".key"))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(certPEM)
	if block == nil {
		return nil, fmt.Errorf("%s.crt holds no PEM block", name)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, err := decodeKey(keyPEM)
	if err != nil {
		return nil, err
	}
	if !key.PublicKey.Equal(certificate.PublicKey) {
		return nil, fmt.Errorf("%s.key %w %s.crt", name, errHalf, name)
	}
	return &Pair{Certificate: certificate, Key: key, CertPEM: certPEM, KeyPEM: keyPEM}, nil
}

func save(dir, name string, pair *Pair) error {
	if dir == "" {
		return nil
	}
	if err := write(filepath.Join(dir, name+".key"), pair.KeyPEM, 0o600); err != nil {
		return err
	}
	return write(filepath.Join(dir, name+".crt"), pair.CertPEM, 0o644)
}

// write replaces a file at once: a crash leaves the old one or the new one.
func write(name string, data []byte, mode fs.FileMode) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.WriteFile(name+".new", data, mode); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.Rename(name+".new", name)
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}), nil
}

func decodeKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	return x509.ParseECPrivateKey(block.Bytes)
}
