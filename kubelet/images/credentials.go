package images

import (
	"encoding/base64"
	"encoding/json"
	"path"
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// withTag returns the image's name as the runtime wants it, with the tag latest when it has neither tag nor digest.
func withTag(image string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", err
	}
	if !reference.IsNameOnly(named) {
		return image, nil
	}
	return image + ":latest", nil
}

type dockerAuth struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Auth          string `json:"auth"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

type dockerConfig struct {
	Auths map[string]dockerAuth `json:"auths"`
}

// credentials returns those of the secrets that are for the image's registry.
func credentials(image string, secrets []*corev1.Secret) []*runtimeapi.AuthConfig {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return nil
	}
	var out []*runtimeapi.AuthConfig
	for _, s := range secrets {
		var config dockerConfig
		switch s.Type {
		case corev1.SecretTypeDockerConfigJson:
			if json.Unmarshal(s.Data[corev1.DockerConfigJsonKey], &config) != nil {
				continue
			}
		case corev1.SecretTypeDockercfg:
			if json.Unmarshal(s.Data[corev1.DockerConfigKey], &config.Auths) != nil {
				continue
			}
		}
		for server, auth := range config.Auths {
			if matches(server, named) {
				out = append(out, auth.cri(server))
			}
		}
	}
	return out
}

// matches says whether a key of a docker configuration (registry, registry/path, URL, *.domain) is for an image.
func matches(server string, named reference.Named) bool {
	server = strings.TrimPrefix(strings.TrimPrefix(server, "https://"), "http://")
	server = strings.TrimSuffix(server, "/")
	for _, version := range []string{"/v1", "/v2"} {
		server = strings.TrimSuffix(server, version)
	}
	host, prefix, _ := strings.Cut(server, "/")
	if host == "index.docker.io" {
		host = "docker.io"
	}
	if ok, err := path.Match(host, reference.Domain(named)); err != nil || !ok {
		return false
	}
	repository := reference.Path(named)
	return prefix == "" || repository == prefix || strings.HasPrefix(repository, prefix+"/")
}

func (a dockerAuth) cri(server string) *runtimeapi.AuthConfig {
	c := &runtimeapi.AuthConfig{Username: a.Username, Password: a.Password, ServerAddress: server, IdentityToken: a.IdentityToken, RegistryToken: a.RegistryToken}
	if raw, err := base64.StdEncoding.DecodeString(a.Auth); err == nil && a.Auth != "" {
		if user, password, ok := strings.Cut(string(raw), ":"); ok {
			c.Username, c.Password = user, strings.TrimRight(password, "\x00")
		}
	}
	return c
}
