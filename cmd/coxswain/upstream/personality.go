package upstream

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// Commands are the programs that this one is when it is called by their names, with their flags.
func Commands(s process.Streams) []*cobra.Command {
	return []*cobra.Command{apiServerCommand(s), etcdCommand(s), controllerManagerCommand(s), schedulerCommand(s), cloudManagerCommand(s)}
}

// CalledAs turns the name by which the program was called into the command that it asks for.
func CalledAs(args []string, commands []*cobra.Command) []string {
	name := filepath.Base(args[0])
	if name == "kubectl" || slices.ContainsFunc(commands, func(c *cobra.Command) bool { return c.Name() == name }) {
		return append([]string{"coxswain", name}, args[1:]...)
	}
	return args
}

// upstreamFlags are those that another program has and that are not served here: some may be given all the same, because nothing
// depends on them, and some may not.
type upstreamFlags struct {
	// bools and values are names, separated by blanks, that are accepted and have no effect.
	bools, values string
	// refused says of names what would be wrong without them.
	refused map[string]string
	// only says of names the one value that is as it is here.
	only map[string]string
	// checked says of names which values cannot be; the others have no effect.
	checked map[string]func(string) error
}

// add defines them, those that flags has already apart, and returns the names that are given without an effect.
func (u upstreamFlags) add(flags *pflag.FlagSet) *[]string {
	given := &[]string{}
	define := func(name string, value pflag.Value) {
		if flags.Lookup(name) == nil {
			flags.Var(value, name, value.(*elsewhere).usage())
		}
	}
	for name, check := range u.checked {
		define(name, &elsewhere{name: name, kind: "string", given: given, check: check})
	}
	for name := range strings.FieldsSeq(u.bools) {
		define(name, &elsewhere{name: name, kind: "bool", given: given})
		if flag := flags.Lookup(name); flag.Value.Type() == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
	for name := range strings.FieldsSeq(u.values) {
		define(name, &elsewhere{name: name, kind: "string", given: given})
	}
	for name, why := range u.refused {
		define(name, &elsewhere{name: name, kind: "string", given: given, why: why})
	}
	for name, only := range u.only {
		kind := "string"
		if only == "true" || only == "false" {
			kind = "bool"
		}
		define(name, &elsewhere{name: name, kind: kind, given: given, only: only, why: "it is always " + only})
		if flag := flags.Lookup(name); kind == "bool" && flag.Value.Type() == kind {
			flag.NoOptDefVal = "true"
		}
	}
	return given
}

// elsewhere is the value of a flag that only upstream's program minds.
type elsewhere struct {
	name, kind, value string
	given             *[]string
	why, only         string
	check             func(string) error
}

func (e *elsewhere) usage() string {
	if e.why != "" {
		return "not supported: " + e.why
	}
	return "accepted, without an effect"
}

// String implements pflag.Value.
func (e *elsewhere) String() string { return e.value }

// Type implements pflag.Value.
func (e *elsewhere) Type() string { return e.kind }

// Set implements pflag.Value.
func (e *elsewhere) Set(value string) error {
	switch {
	case e.only != "" && value == e.only:
		return nil
	case e.why != "":
		return errors.New("not supported: " + e.why)
	}
	if e.check != nil {
		if err := e.check(value); err != nil {
			return err
		}
	}
	e.value = value
	*e.given = append(*e.given, "--"+e.name)
	return nil
}

// warnOf says which flags were given without an effect.
func warnOf(w io.Writer, program string, given []string) {
	if len(given) > 0 {
		fmt.Fprintf(w, "%s: without an effect here: %s\n", program, strings.Join(given, " "))
	}
}

// moved lets a flag of ours be given under the name that it has upstream.
func moved(to, from *pflag.FlagSet, names map[string]string) {
	for theirs, ours := range names {
		if flag := from.Lookup(ours); flag != nil {
			renamed := *flag
			renamed.Name = theirs
			to.AddFlag(&renamed)
		}
	}
}
