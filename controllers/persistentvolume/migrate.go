package persistentvolume

import (
	"cmp"
	"context"

	"k8s.io/component-helpers/storage/volume"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis/storage/intree"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// migrate says on what a driver in the tree has made, or was to make, who has taken it over. It returns whether it wrote, which
// wakes again.
func migrate[T client.Object](ctx context.Context, c client.Client, object T) (bool, error) {
	annotations := object.GetAnnotations()
	by := cmp.Or(annotations[volume.AnnDynamicallyProvisioned], annotations[volume.AnnStorageProvisioner], annotations[volume.AnnBetaStorageProvisioner])
	driver := intree.Driver(by)
	if driver == annotations[volume.AnnMigratedTo] || by == "" {
		return false, nil
	}
	_, wrote, err := patch.Object(ctx, c, object, func(changed T) {
		if driver == "" {
			annotations := changed.GetAnnotations()
			delete(annotations, volume.AnnMigratedTo)
			return
		}
		setAnnotation(changed, volume.AnnMigratedTo, driver)
	})
	return wrote, err
}
