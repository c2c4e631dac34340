package options

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGates(t *testing.T) {
	gates := map[string]string{"StorageVersionMigrator": "true", "kube:CBORServingAndStorage": "1", "GangScheduling": "true", "WatchList": "true", "SidecarContainers": "true"}
	if !GateOn(gates, MigrationGate) || !GateOn(gates, CBORGate) || GateOn(nil, CBORGate) || GateOn(gates, "Oars") || !GateOn(nil, "WatchList") {
		t.Errorf("%v mean something else", gates)
	}
	if others := OtherGates(gates); !slices.Equal(others, []string{"GangScheduling"}) {
		t.Errorf("others are %v", others)
	}
	if err := ValidateGates(gates); err != nil {
		t.Error(err)
	}
	o := ForTest("x")
	o.FeatureGates = map[string]string{"StorageVersionMigrator": "maybe"}
	const want = `invalid value of StorageVersionMigrator=maybe, err: strconv.ParseBool: parsing "maybe": invalid syntax`
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

// A gate that is not given follows the others of its stage.
func TestGatesOfAStage(t *testing.T) {
	alpha, beta := map[string]string{"AllAlpha": "true"}, map[string]string{"AllBeta": "true"}
	if !GateOn(alpha, CBORGate) || GateOn(alpha, MigrationGate) || GateOn(beta, CBORGate) || !GateOn(beta, MigrationGate) {
		t.Error("AllAlpha and AllBeta switch something else")
	}
	but := map[string]string{"AllAlpha": "true", CBORGate: "false"}
	if GateOn(but, CBORGate) {
		t.Error("AllAlpha overrules what is given by itself")
	}
}

// What is refused is what upstream's v1.36.3 refuses, in its words.
func TestGatesThatAreRefused(t *testing.T) {
	for want, gates := range map[string]map[string]string{
		"":                                 {"AllAlpha": "true", "AllBeta": "false", "WatchList": "false", "JobManagedBy": "true", "GitRepoVolumeDriver": "false", controllersGate: "true"},
		"unrecognized feature gate: Sails": {"Sails": "true", "JobManagedBy": "false"},
		"unrecognized feature gate: Oars":  {"kube:Oars": "false"},
		"component not registered: boat":   {"boat:Oars": "true"},
		`invalid value of Sails=, err: strconv.ParseBool: parsing "": invalid syntax`:     {"Sails": "", "Oars": "true"},
		"cannot set feature gate JobManagedBy to false, feature is locked to true":        {"kube:JobManagedBy": "false"},
		"cannot set feature gate GitRepoVolumeDriver to true, feature is locked to false": {"GitRepoVolumeDriver": "true"},
	} {
		got := ""
		if err := ValidateGates(gates); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%v: %q, want %q", gates, got, want)
		}
	}
	for value, want := range map[string]string{
		"GangScheduling=true, WatchList=false": "", "Sails": "missing bool value for Sails", controllersGate + "=true": "unrecognized feature gate: " + controllersGate,
	} {
		got := ""
		if _, err := SchedulerGates(value); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}

// The table has each gate once, as many as upstream tells of in its metrics.
func TestGatesAreUpstreams(t *testing.T) {
	stages := map[string]int{}
	EachGate(map[string]string{CBORGate: "true", "WatchList": "false"}, func(name, stage string, on bool) {
		stages[stage]++
		if (name == CBORGate || name == "WatchList") && !on {
			t.Errorf("%s is off", name)
		}
	})
	words := 0
	for names := range maps.Values(upstreamGates()) {
		words += len(strings.Fields(names))
	}
	if want := map[string]int{"ALPHA": 50, "BETA": 100, "": 76, "DEPRECATED": 16}; !cmp.Equal(stages, want) || words != 242 {
		t.Errorf("%d gates, of stages %v", words, stages)
	}
}
