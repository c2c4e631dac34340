package kms

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kmsapi "k8s.io/kms/apis/v2"
)

// What a plugin may answer, at most.
const (
	maxKeyID       = 1 << 10
	maxSource      = 1 << 10
	maxAnnotations = 32 << 10
)

// plugin is the connection to one.
type plugin struct {
	name    string
	timeout time.Duration
	conn    *grpc.ClientConn
	client  kmsapi.KeyManagementServiceClient
	metrics *Metrics
}

// SocketOf reads an endpoint: unix:///run/kms.sock, or unix:///@name for an abstract socket.
func SocketOf(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("invalid endpoint for kms provider, error: %w", err)
	}
	if u.Scheme != "unix" {
		return "", fmt.Errorf("unsupported scheme %q for KMS provider, only unix is supported", u.Scheme)
	}
	if strings.HasPrefix(u.Path, "/@") {
		return u.Path[1:], nil
	}
	return u.Path, nil
}

func dial(name, endpoint string, timeout time.Duration, metrics *Metrics) (*plugin, error) {
	socket, err := SocketOf(endpoint)
	if err != nil {
		return nil, err
	}
	p := &plugin{name: name, timeout: timeout, metrics: metrics}
	p.conn, err = grpc.NewClient("passthrough:///"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"),
		grpc.WithContextDialer(func(ctx context.Context, socket string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}))
	if err != nil {
		return nil, fmt.Errorf("connecting to the KMS plugin %s: %w", name, err)
	}
	p.client = kmsapi.NewKeyManagementServiceClient(p.conn)
	return p, nil
}

// call bounds and observes one.
func (p *plugin) call(ctx context.Context, method string, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	start := time.Now()
	err := call(ctx)
	p.metrics.operations.WithLabelValues(p.name, method, status.Code(err).String()).Observe(time.Since(start).Seconds())
	return err
}

// status asks for the name of the key that the plugin encrypts with. It waits for a plugin that is not there yet.
func (p *plugin) status(ctx context.Context) (keyID string, err error) {
	p.conn.ResetConnectBackoff()
	var answer *kmsapi.StatusResponse
	if err := p.call(ctx, kmsapi.KeyManagementService_Status_FullMethodName, func(ctx context.Context) (err error) {
		answer, err = p.client.Status(ctx, &kmsapi.StatusRequest{}, grpc.WaitForReady(true))
		return err
	}); err != nil {
		return "", err
	}
	if err := checkKeyID(answer.KeyId); err != nil {
		p.metrics.invalidKeyID(p.name, answer.KeyId)
		return "", err
	}
	var errs []error
	if answer.Healthz != "ok" {
		errs = append(errs, fmt.Errorf("got unexpected healthz status: %s", answer.Healthz))
	}
	if answer.Version != "v2" && answer.Version != "v2beta1" {
		errs = append(errs, fmt.Errorf("unsupported API version %s for KMS provider", answer.Version))
	}
	return answer.KeyId, errors.Join(errs...)
}

// source is an encrypted seed, as it is stored beside what is encrypted with it.
type source struct {
	keyID       string
	encrypted   []byte
	annotations map[string][]byte
}

func (p *plugin) encrypt(ctx context.Context, seed []byte) (source, error) {
	var answer *kmsapi.EncryptResponse
	if err := p.call(ctx, kmsapi.KeyManagementService_Encrypt_FullMethodName, func(ctx context.Context) (err error) {
		answer, err = p.client.Encrypt(ctx, &kmsapi.EncryptRequest{Uid: string(uuid.NewUUID()), Plaintext: seed})
		return err
	}); err != nil {
		return source{}, fmt.Errorf("encrypting a seed: %w", err)
	}
	s := source{keyID: answer.KeyId, encrypted: answer.Ciphertext, annotations: answer.Annotations}
	return s, s.check()
}

func (p *plugin) decrypt(ctx context.Context, s source) ([]byte, error) {
	var answer *kmsapi.DecryptResponse
	if err := p.call(ctx, kmsapi.KeyManagementService_Decrypt_FullMethodName, func(ctx context.Context) (err error) {
		answer, err = p.client.Decrypt(ctx, &kmsapi.DecryptRequest{
			Uid: string(uuid.NewUUID()), Ciphertext: s.encrypted, KeyId: s.keyID, Annotations: s.annotations,
		})
		return err
	}); err != nil {
		return nil, err
	}
	return answer.Plaintext, nil
}

func (p *plugin) close() error { return p.conn.Close() }

// check refuses what upstream would refuse to store and to read.
func (s *source) check() error {
	if err := checkKeyID(s.keyID); err != nil {
		return fmt.Errorf("failed to validate key id: %w", err)
	}
	if len(s.encrypted) == 0 {
		return errors.New("encrypted DEK source is empty")
	}
	if len(s.encrypted) > maxSource {
		return fmt.Errorf("encrypted DEK source is %d bytes, which exceeds the max size of %d", len(s.encrypted), maxSource)
	}
	size := 0
	for name, value := range s.annotations {
		size += len(name) + len(value)
		if errs := validation.IsFullyQualifiedDomainName(field.NewPath("annotations"), name); len(errs) > 0 {
			return fmt.Errorf("invalid annotation key: %w", errs.ToAggregate())
		}
	}
	if size > maxAnnotations {
		return fmt.Errorf("total size of annotations is %d, which exceeds the max size of %d", size, maxAnnotations)
	}
	return nil
}

func checkKeyID(id string) error {
	switch {
	case id == "":
		return errEmptyKeyID
	case len(id) > maxKeyID:
		return fmt.Errorf("keyID is %d bytes, which exceeds the max size of %d", len(id), maxKeyID)
	}
	return nil
}

var errEmptyKeyID = errors.New("keyID is empty")
