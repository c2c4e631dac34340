package cluster

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ComponentStatuses tell of what runs in this process, and ask beside it for what does not.
func TestComponentStatuses(t *testing.T) {
	o := alone(t.TempDir())
	o.Disable = []string{Agent, Controllers}
	_, c := started(t, o)
	var names []string
	eventually(t, "the scheduler is not well", func() error {
		var list corev1.ComponentStatusList
		if err := c.List(t.Context(), &list); err != nil {
			return err
		}
		names = nil
		for _, item := range list.Items {
			names = append(names, item.Name)
			if at := item.Conditions[0]; item.Name != "controller-manager" && (at.Status != corev1.ConditionTrue || at.Message != "ok") {
				return fmt.Errorf("%s: %v", item.Name, at)
			}
		}
		return nil
	})
	if diff := cmp.Diff([]string{"scheduler", "controller-manager", "etcd-0"}, names); diff != "" {
		t.Error(diff)
	}
	var one corev1.ComponentStatus
	if err := c.Get(t.Context(), client.ObjectKey{Name: "controller-manager"}, &one); err != nil || len(one.Conditions) != 1 {
		t.Errorf("the controllers, which are not in this process: %v, %v", one, err)
	}
	if err := c.Get(t.Context(), client.ObjectKey{Name: "purser"}, &one); !apierrors.IsNotFound(err) || err.Error() != `componentstatus "purser" not found` {
		t.Errorf("one that there is not: %v", err)
	}
}
