package vacprotection

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestKeepsWhatIsUsed(t *testing.T) {
	ctx := t.Context()
	user := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "c"}, Spec: corev1.PersistentVolumeClaimSpec{VolumeAttributesClassName: ptr.To("used")},
	}
	api := fake.NewClientBuilder().WithObjects(user, &storagev1.VolumeAttributesClass{ObjectMeta: metav1.ObjectMeta{Name: "used"}}).Build()
	c := &Controller{Client: api, Live: api}
	look := func() *storagev1.VolumeAttributesClass {
		t.Helper()
		class := &storagev1.VolumeAttributesClass{}
		if err := api.Get(ctx, client.ObjectKey{Name: "used"}, class); err != nil {
			return nil
		}
		if _, err := c.Reconcile(ctx, class); err != nil {
			t.Fatal(err)
		}
		return class
	}
	look()
	class := look()
	if !slices.Contains(class.Finalizers, finalizer) {
		t.Error("a class is not protected")
	}
	if err := api.Delete(ctx, class); err != nil {
		t.Fatal(err)
	}
	look()
	if look() == nil {
		t.Fatal("a class that a claim has is gone")
	}
	if err := api.Delete(ctx, user); err != nil {
		t.Fatal(err)
	}
	look()
	if look() != nil {
		t.Error("a class that nothing has is kept")
	}
}
