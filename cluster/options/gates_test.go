package options

import (
	"slices"
	"strings"
	"testing"
)

func TestGates(t *testing.T) {
	gates := map[string]string{"StorageVersionMigrator": "true", "kube:CBORServingAndStorage": "1", "Sails": "false"}
	if !GateOn(gates, MigrationGate) || !GateOn(gates, CBORGate) || GateOn(gates, "Sails") || GateOn(gates, "Oars") {
		t.Errorf("%v mean something else", gates)
	}
	if others := OtherGates(gates, MigrationGate, CBORGate); !slices.Equal(others, []string{"Sails"}) {
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
