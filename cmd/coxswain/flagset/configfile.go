package flagset

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// ReadConfig lays a configuration file below the flags that were given.
func ReadConfig(file string, options any, flags *pflag.FlagSet) error {
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading --config: %w", err)
	}
	var again []func() error // what each flag that was given does once more, after the file
	flags.Visit(func(flag *pflag.Flag) { again = append(again, giver(flag.Value)) })
	if err := yaml.UnmarshalStrict(data, options); err != nil {
		return fmt.Errorf("reading --config %s: %w", file, err)
	}
	for _, give := range again {
		if err := give(); err != nil {
			return err
		}
	}
	return nil
}

// giver gives a flag the value again that it has now. Lists are taken as they are, for a comma in a value parts nothing.
func giver(value pflag.Value) func() error {
	if list, ok := value.(pflag.SliceValue); ok {
		had := slices.Clone(list.GetSlice()) // the file is read into the same memory
		return func() error { return list.Replace(had) }
	}
	had := value.String()
	if value.Type() == "stringToString" { // [a=1,b=2]
		had = strings.TrimSuffix(strings.TrimPrefix(had, "["), "]")
	}
	return func() error { return value.Set(had) }
}
