package plugins_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/admissiontest"
)

// asked is a request of testdata/optional/requests.yaml: METHOD PATH, or PATCH MEDIATYPE PATH.
type asked struct {
	Do         string          `json:"do"`
	Each       []string        `json:"each,omitempty"` // once for each value of {}
	Body       json.RawMessage `json:"body,omitempty"`
	Quiet      bool            `json:"quiet,omitempty"`      // need not succeed, and is not compared
	Eventually int             `json:"eventually,omitempty"` // asked until the answer has this code
}

// TestOptionalPlugins compares the plugins that are off by default, and those with a configuration, with upstream's. That is to be
// started with the same plugins and --admission-control-config-file=testdata/optional/configuration.yaml to record the answers.
func TestOptionalPlugins(t *testing.T) {
	data, err := os.ReadFile("testdata/optional/requests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	areas := map[string][]asked{}
	if err := yaml.UnmarshalStrict(data, &areas); err != nil {
		t.Fatal(err)
	}
	s := admissiontest.StartWith(t, admissiontest.Options{
		Enable: []string{
			"AlwaysAdmit", "AlwaysPullImages", "DenyServiceExternalIPs", "EventRateLimit", "ExtendedResourceToleration", "LimitPodHardAntiAffinityTopology",
			"NamespaceExists", "OwnerReferencesPermissionEnforcement", "PodNodeSelector", "PodTolerationRestriction",
		},
		Configuration: "testdata/optional/configuration.yaml",
		Clock:         clocktesting.NewFakePassiveClock(time.Unix(1_600_000_000, 0)), // events are limited by time
	})
	for _, area := range []string{"prepare", "selectors", "tolerations", "images", "affinity", "extended", "namespaces", "security", "quotas", "events"} {
		t.Run(area, func(t *testing.T) {
			transcript := &admissiontest.Transcript{}
			for _, a := range areas[area] {
				a.ask(s, transcript)
			}
			transcript.Check(t, "optional/"+area)
		})
	}
}

func (a asked) ask(s *admissiontest.Server, to *admissiontest.Transcript) {
	each := a.Each
	if len(each) == 0 {
		each = []string{""}
	}
	for _, value := range each {
		do, body := strings.ReplaceAll(a.Do, "{}", value), string(a.Body)
		if value != "" {
			body = strings.ReplaceAll(body, "{}", value)
		}
		at := strings.LastIndex(do, " ")
		var answer admissiontest.Answer
		if a.Eventually != 0 {
			answer = s.Eventually(do[:at], do[at+1:], body, func(answer admissiontest.Answer) bool { return answer.Code == a.Eventually })
		} else {
			answer = s.Do(do[:at], do[at+1:], body)
		}
		if !a.Quiet {
			to.Answer(do+" "+body, answer)
		}
	}
}
