package core

import (
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

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

func serviceAccountCells(s *corev1.ServiceAccount, now time.Time) []any {
	return []any{s.Name, resource.AgeOf(s, now)}
}

// mountableSecrets asks that pods mount no secrets but those that the account lists.
const mountableSecrets = "kubernetes.io/enforce-mountable-secrets"

func warnServiceAccount(a, old *corev1.ServiceAccount) []string {
	_, has := a.Annotations[mountableSecrets]
	if old != nil {
		if _, had := old.Annotations[mountableSecrets]; had {
			return nil
		}
	}
	if !has {
		return nil
	}
	return []string{field.NewPath("metadata", "annotations").Key(mountableSecrets).String() +
		": deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"}
}
