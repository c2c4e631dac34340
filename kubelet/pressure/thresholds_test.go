package pressure

import "testing"

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
