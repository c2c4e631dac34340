package bootstrapsigner

import "testing"

// The example is the one of k8s.io/cluster-bootstrap: others verify what we sign by signing it again, so every byte counts.
func TestSign(t *testing.T) {
	const want = "eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8"
	got, err := Sign("Hello from the other side. I must have called a thousand times.", "joshua", "my voice is my passcode")
	if err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := Sign("text", "abcdef", "0123456789abcdef"); err != nil {
		t.Errorf("signing with a token's secret: %v", err)
	}
}
