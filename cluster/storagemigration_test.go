package cluster

import (
	"errors"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	migrationv1beta1 "k8s.io/api/storagemigration/v1beta1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A migration encrypts what was written before there was encryption, and has a custom resource stored in its storage version; what
// cannot be migrated fails.
func TestStorageVersionMigration(t *testing.T) {
	options := ForTest(t.TempDir())
	options.Ephemeral = false
	options.FeatureGates = map[string]string{"StorageVersionMigrator": "true"}
	first, c := started(t, options)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "old"}, StringData: map[string]string{"word": "avast-ye"}}
	if err := c.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	boats := definition(t, c)
	boat := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "sea.example.com/v1", "kind": "Boat", "metadata": map[string]any{"name": "a", "namespace": "default"}}}
	eventually(t, "the boat", func() error { return client.IgnoreAlreadyExists(c.Create(t.Context(), boat)) })
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	options.EncryptionProviderConfig = filepath.Join(t.TempDir(), "encryption.yaml")
	encryption(t, options.EncryptionProviderConfig, `, {"identity": {}}`)
	second, c := started(t, options)
	eventually(t, "another storage version", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(boats), boats); err != nil {
			return err
		}
		boats.Spec.Versions[0].Storage, boats.Spec.Versions[1].Storage = false, true
		return c.Update(t.Context(), boats)
	})
	for name, of := range map[string]metav1.GroupResource{
		"secrets": {Resource: "secrets"}, "boats": {Group: "sea.example.com", Resource: "boats"}, "reviews": {Group: "authentication.k8s.io", Resource: "tokenreviews"},
	} {
		m := &migrationv1beta1.StorageVersionMigration{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: migrationv1beta1.StorageVersionMigrationSpec{Resource: of}}
		if err := c.Create(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	ends(t, c, "secrets", migrationv1beta1.MigrationSucceeded, "")
	ends(t, c, "boats", migrationv1beta1.MigrationSucceeded, "")
	ends(t, c, "reviews", migrationv1beta1.MigrationFailed, `resource "authentication.k8s.io/v1, Resource=tokenreviews" does not support discovery operations: [update patch list]`)
	revision := boat.GetResourceVersion()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(boat), boat); err != nil || boat.GetResourceVersion() == revision {
		t.Errorf("the boat was not stored anew: %s, %v", boat.GetResourceVersion(), err)
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(boats), boats); err != nil || len(boats.Status.StoredVersions) != 1 || boats.Status.StoredVersions[0] != "v2" {
		t.Errorf("stored versions %v, %v", boats.Status.StoredVersions, err)
	}
	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}

	encryption(t, options.EncryptionProviderConfig, "") // what were not encrypted could not be read
	_, c = started(t, options)
	eventually(t, "the secret", func() error { return c.Get(t.Context(), client.ObjectKeyFromObject(secret), secret) })
	if string(secret.Data["word"]) != "avast-ye" {
		t.Errorf("the secret says %v", secret.Data)
	}
}

// encryption writes a configuration with one key, and other providers behind it.
func encryption(t *testing.T, file, others string) {
	t.Helper()
	writeFile(t, file, `{"kind": "EncryptionConfiguration", "apiVersion": "apiserver.config.k8s.io/v1", "resources": [{"resources": ["secrets"],
		"providers": [{"aescbc": {"keys": [{"name": "k", "secret": "MDEyMzQ1Njc4OWFiY2RlZg=="}]}}`+others+`]}]}`)
}

func definition(t *testing.T, c client.Client) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	open := true
	schema := &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &open}}
	boats := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "boats.sea.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "sea.example.com", Scope: apiextensionsv1.NamespaceScoped, Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "boats", Kind: "Boat"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true, Schema: schema}, {Name: "v2", Served: true, Schema: schema}},
		},
	}
	if err := c.Create(t.Context(), boats); err != nil {
		t.Fatal(err)
	}
	return boats
}

func ends(t *testing.T, c client.Client, name string, end migrationv1beta1.MigrationConditionType, message string) {
	t.Helper()
	m := &migrationv1beta1.StorageVersionMigration{}
	eventually(t, "the migration of "+name, func() error {
		if err := c.Get(t.Context(), client.ObjectKey{Name: name}, m); err != nil {
			return err
		}
		condition := meta.FindStatusCondition(m.Status.Conditions, string(end))
		if condition == nil || condition.Status != metav1.ConditionTrue || condition.Reason != "StorageVersionMigration"+string(end) || condition.Message != message {
			return errors.New(m.Status.String())
		}
		return nil
	})
}
