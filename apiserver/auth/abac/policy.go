package abac

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
)

const (
	currentVersion = "abac.authorization.kubernetes.io/v1beta1"
	oldVersion     = "abac.authorization.kubernetes.io/v0"
	maxLine        = 1 << 20
)

// policy allows what matches all of it.
type policy struct {
	User  string `json:"user,omitempty"`
	Group string `json:"group,omitempty"`
	// Readonly allows get, list and watch only.
	Readonly        bool   `json:"readonly,omitempty"`
	APIGroup        string `json:"apiGroup,omitempty"`
	Resource        string `json:"resource,omitempty"`
	Namespace       string `json:"namespace,omitempty"`
	NonResourcePath string `json:"nonResourcePath,omitempty"`
}

// Load reads a file of policies. Lines that are empty or begin with # are passed over.
func Load(path string) (*Authorizer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	a := &Authorizer{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		made, err := parse([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("error reading policy file %s, line %d: %s: %w", path, n, lines.Text(), err)
		}
		a.policies = append(a.policies, *made)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("error reading policy file %s: %w", path, err)
	}
	return a, nil
}

// parse reads one line.
func parse(line []byte) (*policy, error) {
	var of struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Spec       policy `json:"spec"`
	}
	if err := json.Unmarshal(line, &of); err != nil {
		return nil, fmt.Errorf("couldn't get version/kind; json parse error: %w", err)
	}
	switch {
	case of.Kind == "" && of.APIVersion == "", of.Kind == "Policy" && of.APIVersion == oldVersion:
		var old policy
		if err := json.Unmarshal(line, &old); err != nil {
			return nil, err
		}
		return upgrade(old), nil
	case of.Kind == "Policy" && of.APIVersion == currentVersion:
		everybody(&of.Spec)
		return &of.Spec, nil
	}
	return nil, fmt.Errorf("no kind %q is registered for version %q", of.Kind, of.APIVersion)
}

// everybody is who has proved who they are.
func everybody(p *policy) {
	if p.User == "*" || p.Group == "*" {
		p.User, p.Group = "", user.AllAuthenticated
	}
}

// upgrade reads a line without a version, where what is left out means everything.
func upgrade(p policy) *policy {
	if p.User == "" && p.Group == "" {
		p.Group = user.AllAuthenticated
	}
	everybody(&p)
	p.APIGroup, p.NonResourcePath = "*", ""
	if p.Namespace == "" && p.Resource == "" {
		p.NonResourcePath = "*"
	}
	if p.Namespace == "" {
		p.Namespace = "*"
	}
	if p.Resource == "" {
		p.Resource = "*"
	}
	return &p
}
