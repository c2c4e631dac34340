package rbac

import (
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var (
	roles               = schema.GroupResource{Group: rbacv1.GroupName, Resource: "roles"}
	roleBindings        = schema.GroupResource{Group: rbacv1.GroupName, Resource: "rolebindings"}
	clusterRoles        = schema.GroupResource{Group: rbacv1.GroupName, Resource: "clusterroles"}
	clusterRoleBindings = schema.GroupResource{Group: rbacv1.GroupName, Resource: "clusterrolebindings"}
)

// grant is one subject of one binding.
type grant struct {
	binding string // name
	role    rbacv1.RoleRef
	subject *rbacv1.Subject
}

// index finds the cluster role bindings of a user. It is rebuilt when one of them has changed.
type index struct {
	lister auth.Lister

	mu      sync.RWMutex
	changed int64
	built   bool
	users   map[string][]grant // service accounts among them, by their user names
	groups  map[string][]grant
}

// grants calls yield for each cluster role binding that applies to u until it returns false.
func (i *index) grants(u user.Info, yield func(grant) bool) bool {
	users, groups := i.current()
	for _, g := range users[u.GetName()] {
		if !yield(g) {
			return false
		}
	}
	for _, group := range u.GetGroups() {
		for _, g := range groups[group] {
			if !yield(g) {
				return false
			}
		}
	}
	return true
}

func (i *index) current() (users, groups map[string][]grant) {
	changed := i.lister.Changed(clusterRoleBindings)
	i.mu.RLock()
	users, groups = i.users, i.groups
	fresh := i.built && i.changed == changed
	i.mu.RUnlock()
	if fresh {
		return users, groups
	}
	users, groups = i.build()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.users, i.groups, i.changed, i.built = users, groups, changed, true
	return users, groups
}

func (i *index) build() (users, groups map[string][]grant) {
	users, groups = map[string][]grant{}, map[string][]grant{}
	i.lister.Each(clusterRoleBindings, "", func(obj resource.Object) bool {
		binding, ok := obj.(*rbacv1.ClusterRoleBinding)
		if !ok {
			return true
		}
		for n := range binding.Subjects {
			subject := &binding.Subjects[n]
			g := grant{binding: binding.Name, role: binding.RoleRef, subject: subject}
			switch subject.Kind {
			case rbacv1.UserKind:
				users[subject.Name] = append(users[subject.Name], g)
			case rbacv1.GroupKind:
				groups[subject.Name] = append(groups[subject.Name], g)
			case rbacv1.ServiceAccountKind:
				if subject.Namespace != "" {
					name := serviceaccount.MakeUsername(subject.Namespace, subject.Name)
					users[name] = append(users[name], g)
				}
			}
		}
		return true
	})
	return users, groups
}
