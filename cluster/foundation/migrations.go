package foundation

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/aggregation"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// Migrates says whether StorageVersionMigrations are asked for.
func Migrates(o *options.Options) bool {
	return options.GateOn(o.FeatureGates, options.MigrationGate)
}

// migrationObjects are what the API of migrations and its controller stand on: the APIService, and what the controller may do, as upstream says it.
func (o *Objects) migrationObjects() []client.Object {
	const account = "storage-version-migrator-controller"
	const name = "system:controller:" + account
	meta := metav1.ObjectMeta{
		Name: name, Annotations: map[string]string{rbacv1.AutoUpdateAnnotationKey: "true"}, Labels: map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"},
	}
	objects := []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{Verbs: []string{"create", "list", "patch"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
			{Verbs: []string{"get"}, APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"}},
			{Verbs: []string{"patch"}, APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions/status"}},
			{Verbs: []string{"update"}, APIGroups: []string{"storagemigration.k8s.io"}, Resources: []string{"storageversionmigrations/status"}},
		}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceSystem, Name: account}},
		},
	}
	for _, service := range aggregation.Local(apis.OnRequest()) {
		objects = append(objects, service)
	}
	return objects
}
