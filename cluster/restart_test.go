package cluster

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A server that starts on data that is there writes no bootstrap object a second time, however the loading of the watch
// cache and the registration of its kinds fall together: it once took what was not loaded yet for missing.
func TestStartsAgainOnItsData(t *testing.T) {
	options := alone(t.TempDir())
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

// A role of an earlier version that nobody needs any more is gone with the next start, unless it has become somebody's own.
func TestStartsOnDataOfAnEarlierVersion(t *testing.T) {
	for what, c := range map[string]struct {
		labels, annotations map[string]string
		stays               bool
	}{
		"a role of before":        {labels: map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}, annotations: map[string]string{rbacv1.AutoUpdateAnnotationKey: "true"}},
		"a role that is kept":     {labels: map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}, annotations: map[string]string{rbacv1.AutoUpdateAnnotationKey: "false"}, stays: true},
		"a role that a user made": {stays: true},
	} {
		options := alone(t.TempDir())
		meta := metav1.ObjectMeta{Name: "coxswain:local-path-folders", Labels: c.labels, Annotations: c.annotations}
		role, binding := &rbacv1.ClusterRole{ObjectMeta: meta}, &rbacv1.ClusterRoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "system:nodes"}},
		}
		during(t, options, func(api client.Client) {
			for _, object := range []client.Object{role, binding} {
				if err := api.Create(t.Context(), object); err != nil {
					t.Fatal(err)
				}
			}
		})
		during(t, options, func(api client.Client) {
			for _, object := range []client.Object{role, binding} {
				err := api.Get(t.Context(), client.ObjectKeyFromObject(object), object)
				if client.IgnoreNotFound(err) != nil {
					t.Fatal(err)
				}
				if stays := err == nil; stays != c.stays {
					t.Errorf("%s: %T stays: %t", what, object, stays)
				}
			}
		})
	}
}

// during runs an API server while something is done with it.
func during(t *testing.T, options Options, do func(client.Client)) {
	t.Helper()
	running, api := started(t, options)
	do(api)
	if err := running.Stop(); err != nil {
		t.Error(err)
	}
}
