package containerd

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Registries says where images come from: a registries.yaml.
//
//	mirrors:
//	  registry.k8s.io:
//	    endpoint: ["http://192.0.2.1:5000"]
//	configs:
//	  "192.0.2.1:5000":
//	    auth: {username: u, password: p}
type Registries struct {
	// Mirrors of a registry are asked in turn, and then the registry itself. "*" stands for every registry not named.
	Mirrors map[string]Mirror `json:"mirrors"`
	// Configs are how a host, a registry's or a mirror's, is spoken to.
	Configs map[string]RegistryConfig `json:"configs"`
}

// Mirror of a registry.
type Mirror struct {
	// Endpoint are URLs. Below one without a path /v2 is asked for; a path is taken as it is.
	Endpoint []string `json:"endpoint"`
}

// RegistryConfig is how one host is spoken to.
type RegistryConfig struct {
	Auth *RegistryAuth `json:"auth"`
	TLS  *RegistryTLS  `json:"tls"`
}

// RegistryAuth is what a host is told about who asks.
type RegistryAuth struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Auth          string `json:"auth"`           // user:password in base64
	IdentityToken string `json:"identity_token"` // in exchange for a token
}

// RegistryTLS are files in PEM.
type RegistryTLS struct {
	CAFile             string `json:"ca_file"`
	CertFile           string `json:"cert_file"`
	KeyFile            string `json:"key_file"`
	InsecureSkipVerify bool   `json:"insecure_skip_verify"`
}

// ReadRegistries reads a registries.yaml. There need not be one.
func ReadRegistries(file string) (*Registries, error) {
	registries := &Registries{}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return registries, nil
	}
	if err == nil {
		err = yaml.UnmarshalStrict(data, registries)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return registries, nil
}

// hosts are the registries that have something to say, sorted.
func (r *Registries) hosts() []string {
	var hosts []string
	for host := range r.Mirrors {
		hosts = append(hosts, host)
	}
	for host := range r.Configs {
		if _, mirrored := r.Mirrors[host]; !mirrored {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts
}

// Files are the hosts.toml files of containerd, by their paths below its folder.
func (r *Registries) Files() (map[string]string, error) {
	files := map[string]string{}
	for _, host := range r.hosts() {
		endpoints := r.Mirrors[host].Endpoint
		if _, mirrored := r.Mirrors[host]; !mirrored {
			endpoints = []string{"https://" + host}
		}
		text, err := r.endpoints(endpoints)
		if err != nil {
			return nil, fmt.Errorf("reading the mirrors of %s: %w", host, err)
		}
		dir := host
		if host == "*" {
			dir = "_default"
		}
		files[filepath.Join(dir, "hosts.toml")] = text
	}
	return files, nil
}

// endpoints are tables of a hosts.toml.
func (r *Registries) endpoints(endpoints []string) (string, error) {
	var text strings.Builder
	for _, endpoint := range endpoints {
		if !strings.Contains(endpoint, "://") {
			endpoint = "https://" + endpoint
		}
		parsed, err := url.Parse(strings.TrimSuffix(endpoint, "/"))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "[host.%q]\ncapabilities = ['pull', 'resolve']\n", parsed)
		if parsed.Path != "" {
			text.WriteString("override_path = true\n")
		}
		text.WriteString(r.Configs[parsed.Host].TLS.toml())
	}
	return text.String(), nil
}

func (t *RegistryTLS) toml() string {
	if t == nil {
		return ""
	}
	var text strings.Builder
	if t.CAFile != "" {
		fmt.Fprintf(&text, "ca = %q\n", t.CAFile)
	}
	if t.CertFile != "" {
		fmt.Fprintf(&text, "client = [[%q, %q]]\n", t.CertFile, t.KeyFile)
	}
	if t.InsecureSkipVerify {
		text.WriteString("skip_verify = true\n")
	}
	return text.String()
}

// auths is the part of containerd's configuration that says who asks.
func (r *Registries) auths() string {
	var text strings.Builder
	for _, host := range r.hosts() {
		auth := r.Configs[host].Auth
		if auth == nil {
			continue
		}
		fmt.Fprintf(&text, "[plugins.'io.containerd.cri.v1.images'.registry.configs.%q.auth]\n", host)
		for _, field := range [][2]string{
			{"username", auth.Username}, {"password", auth.Password}, {"auth", auth.Auth}, {"identitytoken", auth.IdentityToken},
		} {
			if field[1] != "" {
				fmt.Fprintf(&text, "%s = %q\n", field[0], field[1])
			}
		}
	}
	return text.String()
}

// machineCerts is where the machine's administrator says the same in containerd's form.
const machineCerts = "/etc/containerd/certs.d"

// writeRegistries writes what Files returns below CertsDir, which holds nothing else but links to what the machine's own
// folder says of other hosts: containerd reads one folder.
func (r *Runtime) writeRegistries() error {
	dir := r.CertsDir()
	if dir == machineCerts {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	files, err := r.Registries.Files()
	if err != nil {
		return err
	}
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return linkOthers(machineCerts, dir)
}

// linkOthers makes the entries of a folder appear in another one that has none of that name. There need not be such a folder.
func linkOthers(from, to string) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		err := os.Symlink(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name()))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
