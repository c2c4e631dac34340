package storageversionmigrator

import (
	"context"
	"slices"
	"testing"

	migrationv1beta1 "k8s.io/api/storagemigration/v1beta1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// aging is an API where each page of a list comes too late for the next one, which it offers from the latest state.
type aging struct {
	client.Client
	read, patched []string
}

func (a *aging) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	asked := (&client.ListOptions{}).ApplyOptions(options).Continue
	a.read = append(a.read, asked)
	list := into.(*metav1.PartialObjectMetadataList)
	object := func(name string) []metav1.PartialObjectMetadata {
		return []metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "3"}}}
	}
	switch asked {
	case "":
		list.Items, list.Continue = object("a"), "old"
	case "old":
		expired := apierrors.NewResourceExpired("The provided continue parameter is too old")
		expired.ErrStatus.Continue = "latest"
		return expired
	case "latest":
		list.Items = object("b")
	}
	return nil
}

func (a *aging) Patch(_ context.Context, object client.Object, _ client.Patch, _ ...client.PatchOption) error {
	a.patched = append(a.patched, object.GetName())
	return nil
}

// A migration that takes longer than a list lasts goes on where it was.
func TestAListThatExpiresIsNotBegunAgain(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api := &aging{Client: fake.NewClientBuilder().WithScheme(scheme).Build()}
	c := &Controller{Client: api, Live: api}
	m := &migrationv1beta1.StorageVersionMigration{}
	m.Status.ResourceVersion = "7"
	secrets := served{schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, "Secret"}
	if err := c.migrate(t.Context(), m, secrets); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(api.patched, []string{"a", "b"}) || !slices.Equal(api.read, []string{"", "old", "latest"}) {
		t.Errorf("patched %v, read %q", api.patched, api.read)
	}
}
