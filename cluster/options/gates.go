package options

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Gates of --feature-gates that have an effect here, by upstream's names. What the others switch is as upstream has it by default.
const (
	// CBORGate has requests and answers in CBOR, too.
	CBORGate = "CBORServingAndStorage"
	// MigrationGate has StorageVersionMigrations, and their controller.
	MigrationGate = "StorageVersionMigrator"
	// StatusGate and FlagsGate have the pages /statusz and /flagz.
	StatusGate = "ComponentStatusz"
	FlagsGate  = "ComponentFlagz"
)

const (
	// gatePrefix may precede a gate's name: it is the component that the gate is of.
	gatePrefix = "kube"
	// allPrefix begins the gates of all that are of a stage: AllAlpha and AllBeta.
	allPrefix = "All"
	// controllersGate is the one gate that the scheduler does not know.
	controllersGate = "ControllerManagerReleaseLeaderElectionLockOnExit"
)

// knownGates are upstream's gates by their names.
var knownGates = sync.OnceValue(func() map[string]gate {
	known := map[string]gate{}
	for what, names := range upstreamGates() {
		for name := range strings.FieldsSeq(names) {
			known[name] = what
		}
	}
	return known
})

// effective tells whether a gate has an effect here.
func effective(name string) bool {
	return slices.Contains([]string{CBORGate, MigrationGate, StatusGate, FlagsGate}, name)
}

// GateOn says whether a feature gate is on: as given, by itself or with all of its stage, or by default.
func GateOn(gates map[string]string, name string) bool {
	known := knownGates()[name]
	for _, by := range []string{name, allPrefix + title(known.stage)} {
		if on, err := strconv.ParseBool(gateValue(gates, by)); err == nil && !known.locked {
			return on
		}
	}
	return known.on
}

// title makes Alpha of ALPHA.
func title(stage string) string {
	if stage == "" {
		return ""
	}
	return stage[:1] + strings.ToLower(stage[1:])
}

func gateValue(gates map[string]string, name string) string {
	if value, given := gates[gatePrefix+":"+name]; given {
		return value
	}
	return gates[name]
}

// EachGate tells of each gate its stage, and whether it is on here: those without an effect are as they are by default.
func EachGate(gates map[string]string, tell func(name, stage string, on bool)) {
	for name, what := range knownGates() {
		on := what.on
		if effective(name) {
			on = GateOn(gates, name)
		}
		tell(name, what.stage, on)
	}
}

// ValidateGates returns what is wrong with feature gates, in the words of upstream's components.
func ValidateGates(gates map[string]string) error { return validateGates(gates) }

// ParseGates reads name=true,name=false. What is empty switches nothing.
func ParseGates(value string) (map[string]string, error) {
	gates := map[string]string{}
	for pair := range strings.SplitSeq(value, ",") {
		name, value, given := strings.Cut(pair, "=")
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !given {
			return nil, fmt.Errorf("missing bool value for %s", name)
		}
		gates[name] = strings.TrimSpace(value)
	}
	return gates, nil
}

// SchedulerGates reads the scheduler's flag, and says what is wrong with it.
func SchedulerGates(value string) (map[string]string, error) {
	gates, err := ParseGates(value)
	if err != nil {
		return nil, err
	}
	return gates, validateGates(gates, controllersGate)
}

// validateGates finds values that are none first, then what is not known, then what cannot be. Gates in but are not known.
func validateGates(gates map[string]string, but ...string) error {
	var values, names, locks []error
	for _, full := range slices.Sorted(maps.Keys(gates)) {
		component, name, _ := strings.Cut(full, ":")
		if name == "" {
			component, name = gatePrefix, full
		}
		on, err := strconv.ParseBool(gates[full])
		known, there := knownGates()[name]
		switch {
		case err != nil:
			values = append(values, fmt.Errorf("invalid value of %s=%s, err: %w", name, gates[full], err))
		case component != gatePrefix:
			names = append(names, fmt.Errorf("component not registered: %s", component))
		case !there || slices.Contains(but, name):
			names = append(names, fmt.Errorf("unrecognized feature gate: %s", name))
		case known.locked && on != known.on:
			locks = append(locks, fmt.Errorf("cannot set feature gate %s to %t, feature is locked to %t", name, on, known.on))
		}
	}
	for _, wrong := range [][]error{values, names, locks} {
		if len(wrong) > 0 {
			return errors.Join(wrong...)
		}
	}
	return nil
}

// OtherGates are the names of feature gates, in order, that ask for something else than what is done here.
func OtherGates(gates map[string]string) (others []string) {
	for _, full := range slices.Sorted(maps.Keys(gates)) {
		name := strings.TrimPrefix(full, gatePrefix+":")
		if on, err := strconv.ParseBool(gates[full]); err == nil && on != knownGates()[name].on && !effective(name) {
			others = append(others, name)
		}
	}
	return others
}
