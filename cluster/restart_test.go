package cluster

import (
	"testing"
)

// A server that starts on data that is there writes no bootstrap object a second time, however the loading of the watch
// cache and the registration of its kinds fall together: it once took what was not loaded yet for missing.
func TestStartsAgainOnItsData(t *testing.T) {
	options := Default()
	options.DataDir, options.Disable = t.TempDir(), []string{Agent, Controllers, Scheduler}
	options.BindAddress, options.HTTPSListenPort = "127.0.0.1", 0
	for start := range 5 {
		running, err := Start(t.Context(), options)
		if err != nil {
			t.Fatalf("start %d: %v", start, err)
		}
		if err := running.Stop(); err != nil {
			t.Fatalf("stop %d: %v", start, err)
		}
	}
}
