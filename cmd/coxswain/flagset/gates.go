package flagset

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// AddGates adds --feature-gates. Given several times it adds up, and may say nothing, as scripts have it that switch features by a variable.
func AddGates(flags *pflag.FlagSet, of *map[string]string, known string) {
	flags.Var(gates{of}, "feature-gates", "features to switch, name=true or name=false: "+known+"; upstream's others have no effect")
}

// gates are the value of the flag.
type gates struct{ of *map[string]string }

// String implements pflag.Value.
func (g gates) String() string {
	if g.of == nil {
		return ""
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(*g.of)) {
		all = append(all, name+"="+(*g.of)[name])
	}
	return strings.Join(all, ",")
}

// Type implements pflag.Value.
func (g gates) Type() string { return "mapStringBool" }

// Set implements pflag.Value.
func (g gates) Set(value string) error {
	more, err := options.ParseGates(value)
	if err != nil {
		return err
	}
	all := maps.Clone(*g.of)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more)
	*g.of = all
	return nil
}
