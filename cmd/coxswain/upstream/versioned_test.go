package upstream

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	build "github.com/coxswain-k8s/coxswain/cluster/version"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// TestVersionOfAProgram: it prints it and ends, or runs by that which it is told.
func TestVersionOfAProgram(t *testing.T) {
	own := build.Version
	for _, test := range []struct{ flag, prints, runs string }{
		{"--version", "Kubernetes " + own, ""},
		{"--version=true", "Kubernetes " + own, ""},
		{"--version=raw", `version.Info{Major:"1", Minor:"36",`, ""},
		{"--version=false", "", own},
		{"--version=v1.36.3-custom", "", "v1.36.3-custom"},
	} {
		var out bytes.Buffer
		ran := ""
		command := versioned(&cobra.Command{Use: "sails", SilenceUsage: true, RunE: func(*cobra.Command, []string) error {
			ran = build.Info().GitVersion
			return nil
		}}, process.Streams{Out: &out})
		command.SetArgs([]string{test.flag})
		err := command.ExecuteContext(t.Context())
		build.Version = own
		if err != nil || ran != test.runs || !strings.HasPrefix(out.String(), test.prints) || (out.Len() == 0) != (test.prints == "") {
			t.Errorf("%s: printed %q, ran as %q, %v", test.flag, out.String(), ran, err)
		}
	}
}
