package rbac

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"clusterrolebindings": {
			"Role":            "RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error.",
			"Users":           "Users in the clusterRoleBinding",
			"Groups":          "Groups in the clusterRoleBinding",
			"ServiceAccounts": "ServiceAccounts in the clusterRoleBinding",
		},
		"rolebindings": {
			"Role":            "RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error.",
			"Users":           "Users in the roleBinding",
			"Groups":          "Groups in the roleBinding",
			"ServiceAccounts": "ServiceAccounts in the roleBinding",
		},
	}
}
