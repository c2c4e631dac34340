package foundation

import (
	"testing"

	storagev1 "k8s.io/api/storage/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/controllers/localpath"
)

// The default storage class is made once: neither what a user changes in it nor its deletion is undone by another start, also not where it was made before
// there was a mark of it.
func TestTheDefaultStorageClassIsItsUsers(t *testing.T) {
	options := options.Default()
	o := &Objects{Options: &options}
	for reason, known := range map[string]bool{"a new cluster": false, "one of before": true} {
		api := fake.NewClientBuilder().Build()
		starts := func() {
			t.Helper()
			shared := o.sharedConfig()
			if err := ensureStorageClass(t.Context(), api, shared); err != nil {
				t.Fatal(err)
			}
			if err := ensure(t.Context(), api, shared); err != nil {
				t.Fatal(err)
			}
		}
		class := &storagev1.StorageClass{}
		read := func() error {
			return api.Get(t.Context(), client.ObjectKey{Name: localpath.ClassName}, class)
		}
		if known {
			if err := ensure(t.Context(), api, o.sharedConfig()); err != nil {
				t.Fatal(err)
			}
		}
		starts()
		if err := read(); err != nil {
			t.Fatalf("%s: %v", reason, err)
		}
		class.Annotations = nil
		if err := api.Update(t.Context(), class); err != nil {
			t.Fatal(err)
		}
		starts()
		if err := read(); err != nil || len(class.Annotations) > 0 {
			t.Errorf("%s: the class is a default again: %v, %v", reason, class.Annotations, err)
		}
		if err := api.Delete(t.Context(), class); err != nil {
			t.Fatal(err)
		}
		starts()
		if err := read(); client.IgnoreNotFound(err) != nil || err == nil {
			t.Errorf("%s: the class is there again: %v", reason, err)
		}
	}
}
