// Package rbac decides by roles and their bindings what a user may do, lists the rules that apply to a
// user, and keeps users from granting more than they have.
//
// It reads (Cluster)Roles and (Cluster)RoleBindings through an auth.Lister at each decision; only the
// index of cluster role bindings by subject is kept, until one of them changes. It writes nothing and
// never denies: where no rule allows, it has no opinion.
package rbac
