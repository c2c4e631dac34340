package rbac

import (
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func roleBindings() *resource.Resource {
	return &resource.Resource{
		Group:      rbacv1.GroupName,
		Name:       "rolebindings",
		Singular:   "rolebinding",
		Kind:       "RoleBinding",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[rbacv1.RoleBinding],
			NewList: resource.NewList[rbacv1.RoleBindingList],
			Default: resource.Defaulter(defaultRoleBinding),
		}},
		Columns:                  resource.Columns("Name:name", "Role", "Age", "Users:wide", "Groups:wide", "ServiceAccounts:wide"),
		Cells:                    resource.Row(roleBindingCells),
		Validate:                 resource.Check(validateRoleBinding),
		ValidateUpdate:           resource.CheckUpdate(validateRoleBindingUpdate),
		StoragePrefix:            "rolebindings",
		Governs:                  true,
		ValidateName:             resource.PathSegmentName,
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}

func defaultRoleBinding(b *rbacv1.RoleBinding) {
	defaultRoleRef(&b.RoleRef)
	defaultSubjects(b.Subjects)
}

func defaultRoleRef(ref *rbacv1.RoleRef) {
	if ref.APIGroup == "" {
		ref.APIGroup = rbacv1.GroupName
	}
}

func defaultSubjects(subjects []rbacv1.Subject) {
	for i := range subjects {
		s := &subjects[i]
		if s.APIGroup == "" && (s.Kind == rbacv1.UserKind || s.Kind == rbacv1.GroupKind) {
			s.APIGroup = rbacv1.GroupName
		}
	}
}

func roleBindingCells(b *rbacv1.RoleBinding, now time.Time) []any {
	return append([]any{b.Name, b.RoleRef.Kind + "/" + b.RoleRef.Name, resource.AgeOf(b, now)}, subjectCells(b.Subjects)...)
}

// subjectCells are the users, the groups and the service accounts.
func subjectCells(subjects []rbacv1.Subject) []any {
	var users, groups, accounts []string
	for _, s := range subjects {
		switch s.Kind {
		case rbacv1.UserKind:
			users = append(users, s.Name)
		case rbacv1.GroupKind:
			groups = append(groups, s.Name)
		case rbacv1.ServiceAccountKind:
			accounts = append(accounts, s.Namespace+"/"+s.Name)
		}
	}
	return []any{strings.Join(users, ", "), strings.Join(groups, ", "), strings.Join(accounts, ", ")}
}
