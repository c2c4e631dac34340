package upstream

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/version"

	build "github.com/coxswain-k8s/coxswain/cluster/version"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// versioned adds upstream's --version: it prints, and ends, or says by which version the program goes.
func versioned(command *cobra.Command, s process.Streams) *cobra.Command {
	shown := &versionFlag{}
	command.Flags().Var(shown, "version", "true or raw: print the version and exit; vX.Y.Z…: go by this version, which may differ from its own behind X.Y.Z only")
	command.Flags().Lookup("version").NoOptDefVal = "true"
	run := command.RunE
	command.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case shown.text == "raw":
			fmt.Fprintf(s.Out, "%#v\n", build.Info())
			return nil
		case shown.text == "true":
			fmt.Fprintln(s.Out, "Kubernetes", build.Version)
			return nil
		case strings.HasPrefix(shown.text, "v"):
			build.Version = shown.text
		}
		return run(c, args)
	}
	return command
}

// versionFlag is "", true, false, raw or the version to go by.
type versionFlag struct{ text string }

// String implements pflag.Value.
func (f *versionFlag) String() string { return f.text }

// Type implements pflag.Value.
func (f *versionFlag) Type() string { return "version" }

// Set implements pflag.Value.
func (f *versionFlag) Set(value string) error {
	switch {
	case value == "raw":
		f.text = value
	case strings.HasPrefix(value, "v"):
		asked, err := version.ParseSemantic(value)
		if err != nil {
			return err
		}
		own, err := version.ParseSemantic(build.Version)
		if err != nil {
			return err
		}
		if asked.Major() != own.Major() || asked.Minor() != own.Minor() || asked.Patch() != own.Patch() {
			return fmt.Errorf("version %q must match major/minor/patch of default version %q", value, build.Version)
		}
		f.text = value
	default:
		show, err := strconv.ParseBool(value)
		if err != nil {
			return err
		}
		f.text = strconv.FormatBool(show)
	}
	return nil
}
