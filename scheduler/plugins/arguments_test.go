package plugins

import (
	"context"
	"testing"

	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// listening is a plugin that listens to something.
type listening struct {
	fwk.Plugin
	closed chan struct{}
}

func (l listening) Close() { close(l.closed) }

// What a plugin listens to outlives the scheduler, which is made anew whenever it leads.
func TestPluginsAreClosedAtTheEnd(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	plugin := listening{closed: make(chan struct{})}
	factory := with(func(fwk.Handle, *schedulerv1.VolumeBindingArgs) (fwk.Plugin, error) { return plugin, nil })
	if _, err := factory(ctx, nil, nil); err != nil {
		t.Fatal(err)
	}
	end()
	<-plugin.closed
	all := All(Deps{})
	for _, name := range []string{"VolumeBinding", "DynamicResources"} {
		made, err := all[name](t.Context(), nil, nil)
		if _, closes := made.(interface{ Close() }); err != nil || !closes {
			t.Errorf("%s is not closed: %v", name, err)
		}
	}
}
