package options

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Gates of --feature-gates that are known, by upstream's names. Others are named in the log: what upstream has on by default is on.
const (
	// CBORGate has requests and answers in CBOR, too.
	CBORGate = "CBORServingAndStorage"
	// MigrationGate has StorageVersionMigrations, and their controller.
	MigrationGate = "StorageVersionMigrator"
)

// Gates are the known gates and their stages in upstream's v1.36.
var Gates = map[string]string{CBORGate: "ALPHA", MigrationGate: "BETA"}

// gatePrefix may precede a gate's name: it is the component that the gate is of.
const gatePrefix = "kube:"

// GateOn says whether a feature gate is on that is off by default.
func GateOn(gates map[string]string, name string) bool {
	value, given := gates[gatePrefix+name]
	if !given {
		value = gates[name]
	}
	on, err := strconv.ParseBool(value)
	return err == nil && on
}

// ValidateGates returns what is wrong with feature gates.
func ValidateGates(gates map[string]string) error {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(gates)) {
		if _, err := strconv.ParseBool(gates[name]); err != nil {
			wrong = append(wrong, fmt.Errorf("invalid value of %s=%s, err: %w", strings.TrimPrefix(name, gatePrefix), gates[name], err))
		}
	}
	return errors.Join(wrong...)
}

// OtherGates are the names of feature gates, in order, that are none of those known.
func OtherGates(gates map[string]string, known ...string) (others []string) {
	for _, name := range slices.Sorted(maps.Keys(gates)) {
		if name = strings.TrimPrefix(name, gatePrefix); !slices.Contains(known, name) {
			others = append(others, name)
		}
	}
	return others
}
