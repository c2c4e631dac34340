package flagset

import (
	"fmt"
	"os"
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
	given := map[*pflag.Flag]string{}
	flags.Visit(func(flag *pflag.Flag) { given[flag] = flag.Value.String() })
	if err := yaml.UnmarshalStrict(data, options); err != nil {
		return fmt.Errorf("reading --config %s: %w", file, err)
	}
	for flag, value := range given {
		if slice, ok := flag.Value.(pflag.SliceValue); ok {
			if err := slice.Replace(splitList(value)); err != nil {
				return err
			}
			continue
		}
		if flag.Value.Type() == "stringToString" {
			value = strings.Trim(value, "[]")
		}
		if err := flag.Value.Set(value); err != nil {
			return err
		}
	}
	return nil
}

// splitList reads pflag's form of a list: [a,b].
func splitList(value string) []string {
	value = strings.Trim(value, "[]")
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}
