package answers

import (
	"fmt"
	"os"
	"regexp"

	"sigs.k8s.io/yaml"
)

// Rule accepts differences and says why. Empty patterns match everything; those of Request and Path match anywhere,
// those of the values anywhere too.
type Rule struct {
	Request  string `json:"request,omitempty"`
	Path     string `json:"path,omitempty"`
	Upstream string `json:"upstream,omitempty"`
	Ours     string `json:"ours,omitempty"`
	Reason   string `json:"reason"`

	// Used counts the requests whose differences it has accepted.
	Used     int `json:"-"`
	compiled [4]*regexp.Regexp
}

// ReadRules reads the list of what is accepted.
func ReadRules(file string) ([]*Rule, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var rules []*Rule
	if err := yaml.UnmarshalStrict(data, &rules); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	for _, r := range rules {
		if r.Reason == "" {
			return nil, fmt.Errorf("reading %s: a rule has no reason", file)
		}
		for i, pattern := range []string{r.Request, r.Path, r.Upstream, r.Ours} {
			if r.compiled[i], err = regexp.Compile(pattern); err != nil {
				return nil, fmt.Errorf("reading %s: %w", file, err)
			}
		}
	}
	return rules, nil
}

// Accepts says whether the rule accepts a difference in the answers to a request.
func (r *Rule) Accepts(request string, d Difference) bool {
	for i, value := range []string{request, d.Path, d.Upstream, d.Ours} {
		if !r.compiled[i].MatchString(value) {
			return false
		}
	}
	return true
}
