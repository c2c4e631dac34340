package foundation

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// retired returns the names of cluster roles, and of their bindings, that earlier versions gave every cluster and that nothing needs any more.
// Others are left alone, whatever they are called: a newer server beside this one may need them.
func retired() []string { return []string{"coxswain:local-path-folders"} }

// bootstrapped is the label of what a server wrote at its start.
const bootstrapped = "kubernetes.io/bootstrapping"

// retirements delete what is retired, but for what users took for their own: by their annotation, or by having made it.
func (o *Objects) retirements(ctx context.Context) (ops []storage.Op, err error) {
	for _, kind := range []string{"ClusterRoleBinding", "ClusterRole"} {
		row, err := rowOf(rbacv1.SchemeGroupVersion.WithKind(kind))
		if err != nil {
			return nil, err
		}
		for _, name := range retired() {
			key := storage.Root + row.StoragePrefix + "/" + name
			entry, err := o.entry(ctx, row, key)
			if err != nil {
				return nil, err
			}
			if entry == nil {
				continue
			}
			object, ok := entry.Object.(resource.Object)
			if ok && object.GetLabels()[bootstrapped] != "" && object.GetAnnotations()[rbacv1.AutoUpdateAnnotationKey] != "false" {
				ops = append(ops, storage.Op{Key: key, Expected: entry.Revision})
			}
		}
	}
	return ops, nil
}
