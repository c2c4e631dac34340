package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func secrets() *resource.Resource {
	return &resource.Resource{
		Name:       "secrets",
		Singular:   "secret",
		Kind:       "Secret",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.Secret],
			NewList: resource.NewList[corev1.SecretList],
			Default: resource.Defaulter(defaultSecret),
		}},
		Columns:                  resource.Columns("Name:name", "Type", "Data", "Age"),
		Cells:                    resource.Row(secretCells),
		FieldNames:               []string{"type"},
		Fields:                   resource.Select(secretFields),
		Validate:                 resource.Check(validateSecret),
		ValidateUpdate:           resource.CheckUpdate(validateSecretUpdate),
		StoragePrefix:            "secrets",
		AllowUnconditionalUpdate: true,
	}
}

// defaultSecret moves stringData, which is only written and never read, into data.
func defaultSecret(s *corev1.Secret) {
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = map[string][]byte{}
	}
	for key, value := range s.StringData {
		s.Data[key] = []byte(value)
	}
	s.StringData = nil
}
