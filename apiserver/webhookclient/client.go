package webhookclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient/reviews"
)

// Service that answers a webhook.
type Service struct {
	Namespace, Name, Path string
	Port                  int32 // 0 means 443
}

// Config says where a webhook is: URL or Service.
type Config struct {
	URL      string
	Service  *Service
	CABundle []byte // nil means the CAs of the machine
}

const (
	maxClients  = 500
	maxResponse = 3 << 20
	dialTimeout = 30 * time.Second
)

// Clients calls webhooks. Connections are kept, by server and CA bundle, for as long as they are used.
type Clients struct {
	Resolver Resolver
	// Credentials to call a server by, "name.namespace.svc" or a host, with its port unless that is not named, or 443 of a Service. nil, and what it
	// returns nil for, means none.
	Credentials func(host string) *rest.Config

	mu     sync.Mutex
	kept   map[key]*http.Client
	recent []key // the least recently made first
}

// ErrConfig says that a webhook cannot be called at all.
var ErrConfig = errors.New("could not get REST client")

type key struct {
	serverName, host string
	ca               [sha256.Size]byte
}

// Post sends body and returns the answer of a webhook that answered 200. timeout bounds the call; it is told to the webhook as well.
func (c *Clients) Post(ctx context.Context, config Config, body []byte, timeout time.Duration) ([]byte, error) {
	client, at, err := c.client(config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
		at.RawQuery = withTimeout(at.Query(), timeout)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, */*")
	request.Header.Set("User-Agent", "kube-apiserver-admission")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxResponse {
		return nil, fmt.Errorf("the answer is larger than %d bytes", maxResponse)
	}
	if response.StatusCode < http.StatusOK || response.StatusCode > http.StatusPartialContent {
		return nil, reviews.Refusal(response, data)
	}
	if len(data) == 0 {
		media := response.Header.Get("Content-Type")
		if media == "" {
			media = "application/json"
		}
		return nil, fmt.Errorf("0-length response with status code: %d and content type: %s", response.StatusCode, media)
	}
	return data, nil
}

func withTimeout(query url.Values, timeout time.Duration) string {
	query.Set("timeout", timeout.String())
	return query.Encode()
}

// client that is kept for a webhook, and the address that it is to be called at.
func (c *Clients) client(config Config) (*http.Client, *url.URL, error) {
	if config.Service == nil {
		at, err := url.Parse(config.URL)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the address of a webhook: %w", err)
		}
		if at.Host == "" {
			return nil, nil, errors.New("webhook configuration must have either service or URL")
		}
		client, err := c.keep(key{serverName: at.Hostname(), host: at.Host}, config.CABundle, nil)
		return client, at, err
	}
	service := *config.Service
	if service.Port == 0 {
		service.Port = 443
	}
	name := service.Name + "." + service.Namespace + ".svc"
	at := &url.URL{Scheme: "https", Host: net.JoinHostPort(name, strconv.Itoa(int(service.Port))), Path: service.Path}
	client, err := c.keep(key{serverName: name, host: at.Host}, config.CABundle, &service)
	return client, at, err
}

func (c *Clients) keep(k key, bundle []byte, service *Service) (*http.Client, error) {
	k.ca = sha256.Sum256(bundle)
	c.mu.Lock()
	defer c.mu.Unlock()
	if client := c.kept[k]; client != nil {
		return client, nil
	}
	client, err := c.make(k, bundle, service)
	if err != nil {
		return nil, err
	}
	if c.kept == nil {
		c.kept = map[key]*http.Client{}
	}
	if len(c.recent) == maxClients {
		c.kept[c.recent[0]].CloseIdleConnections()
		delete(c.kept, c.recent[0])
		c.recent = c.recent[1:]
	}
	c.kept[k] = client
	c.recent = append(c.recent, k)
	return client, nil
}

func (c *Clients) make(k key, bundle []byte, service *Service) (*http.Client, error) {
	config := &tls.Config{ServerName: k.serverName, MinVersion: tls.VersionTLS12}
	if len(bundle) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(bundle) {
			return nil, errors.New("unable to load root certificates: unable to parse bytes as PEM block")
		}
	}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	transport := &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 25, IdleConnTimeout: 90 * time.Second, Proxy: http.ProxyFromEnvironment,
		DialContext: dialer.DialContext, HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	if service != nil {
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			address, err := c.Resolver.Resolve(service.Namespace, service.Name, service.Port)
			if err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, network, address)
		}
	}
	return c.identify(k, service, transport)
}

// identify has a transport show the credentials that there are for a server.
func (c *Clients) identify(k key, service *Service, transport *http.Transport) (*http.Client, error) {
	if c.Credentials == nil {
		return &http.Client{Transport: transport}, nil
	}
	host := k.host
	if service != nil && service.Port == 443 {
		host = k.serverName
	}
	credentials := c.Credentials(host)
	if credentials == nil {
		return &http.Client{Transport: transport}, nil
	}
	certificates, err := rest.TLSConfigFor(credentials)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate for calls of %s: %w", host, err)
	}
	if certificates != nil {
		transport.TLSClientConfig.Certificates, transport.TLSClientConfig.GetClientCertificate = certificates.Certificates, certificates.GetClientCertificate
	}
	wrapped, err := rest.HTTPWrappersForConfig(credentials, transport)
	if err != nil {
		return nil, fmt.Errorf("reading the credentials for calls of %s: %w", host, err)
	}
	return &http.Client{Transport: wrapped, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}
