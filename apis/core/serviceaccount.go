package core

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func serviceAccounts() *resource.Resource {
	return &resource.Resource{
		Name:       "serviceaccounts",
		Singular:   "serviceaccount",
		Kind:       "ServiceAccount",
		ShortNames: []string{"sa"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.ServiceAccount],
			NewList: resource.NewList[corev1.ServiceAccountList],
		}},
		Columns:                  resource.Columns("Name:name", "Age"),
		Cells:                    resource.Row(serviceAccountCells),
		Warnings:                 resource.Warn(warnServiceAccount),
		StoragePrefix:            "serviceaccounts",
		AllowUnconditionalUpdate: true,
		Subresources: []resource.Subresource{
			resource.Action("token", authenticationv1.SchemeGroupVersion.WithKind("TokenRequest"), resource.NewList[authenticationv1.TokenRequest], "create"),
		},
	}
}
