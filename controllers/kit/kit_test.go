package kit

import "testing"

// A ticker cannot tick in the past: what is negative is as what is not given.
func TestNegativeSettingsOfClouds(t *testing.T) {
	negative := CloudSettings{NodeStatusPeriod: -1, NodeMonitorPeriod: -1, RoutePeriod: -1, ServiceSyncs: -1, NodeSyncs: -1}
	if got, want := (Deps{Clouds: negative}).Defaults().Clouds, (Deps{}).Defaults().Clouds; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
