package kubelet

import (
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/kubelet/pressure"
)

func TestEvictionHardReplacesTheDefaults(t *testing.T) {
	configure := func(text string) (*Kubelet, error) {
		k := &Kubelet{}
		err := k.Configure([]byte("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n" + text))
		k.Default()
		return k, err
	}
	k, err := configure("evictionHard: {nodefs.available: 1Gi}\nimageGCHighThresholdPercent: 70\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := (pressure.Thresholds{NodeFsAvailable: pressure.Amount{Number: 1 << 30}}); *k.Eviction != want || k.ImageGCHigh != 70 || k.ImageGCLow != 70 {
		t.Errorf("got %+v, images %d to %d", *k.Eviction, k.ImageGCHigh, k.ImageGCLow)
	}
	if k, err = configure("maxPods: 5"); err != nil || *k.Eviction != *pressure.Default() || k.ImageGCHigh != 85 || k.ImageGCLow != 80 {
		t.Errorf("by default %+v, images %d to %d, %v", *k.Eviction, k.ImageGCHigh, k.ImageGCLow, err)
	}
	for text, want := range map[string]string{
		"evictionHard: {cpu: 10%}":                                        `unknown signal "cpu"`,
		"evictionHard: {nodefs.available: 101%}":                          "101% is no percentage",
		"evictionHard: {nodefs.available: much}":                          "reading evictionHard nodefs.available",
		"imageGCHighThresholdPercent: 101":                                "both at most 100",
		"imageGCHighThresholdPercent: 60\nimageGCLowThresholdPercent: 61": "the first at most the second",
	} {
		if _, err := configure(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
