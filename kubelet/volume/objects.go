package volume

import (
	"context"

	corev1 "k8s.io/api/core/v1"
)

// Ref names one ConfigMap or Secret.
type Ref struct {
	Kind      string // "ConfigMap" or "Secret"
	Namespace string
	Name      string
}

// ObjectSource is where ConfigMaps and Secrets come from. CacheSource shares a cache of all of them (in one
// process with the API server); WatchSource watches each one by its name (what the Node authorizer allows).
// Objects that it returns are read-only.
type ObjectSource interface {
	ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error)
	Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	// Watch calls changed after the object was created, changed or deleted, until stop is called. It may call it
	// once more than needed, and never blocks. Reads made after the call see at least the state that caused it.
	Watch(ref Ref, changed func()) (stop func())
}
