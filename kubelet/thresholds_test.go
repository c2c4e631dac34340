package kubelet

import (
	"strings"
	"testing"
)

func TestThresholds(t *testing.T) {
	const gib = 1 << 30
	for text, test := range map[string]struct {
		free uint64
		want bool
	}{
		"10%":   {9 * gib, true},
		"9%":    {9 * gib, false},
		"0%":    {0, false},
		"8Gi":   {9 * gib, false},
		"9.5Gi": {9 * gib, true},
	} {
		amount, err := parseAmount(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := amount.under(test.free, 100*gib); got != test.want {
			t.Errorf("%d bytes of 100 GiB are under %s: %t, want %t", test.free, text, got, test.want)
		}
	}
	if (Amount{Percent: 10}).under(0, 0) {
		t.Error("a file system that cannot be read is full")
	}
}

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
	if want := (Thresholds{NodeFsAvailable: Amount{Number: 1 << 30}}); *k.Eviction != want || k.ImageGCHigh != 70 || k.ImageGCLow != 70 {
		t.Errorf("got %+v, images %d to %d", *k.Eviction, k.ImageGCHigh, k.ImageGCLow)
	}
	if k, err = configure("maxPods: 5"); err != nil || *k.Eviction != *defaultThresholds() || k.ImageGCHigh != 85 || k.ImageGCLow != 80 {
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
