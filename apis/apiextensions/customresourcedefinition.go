package apiextensions

import (
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func customResourceDefinitions() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      apiextensionsv1.GroupName,
		Name:       "customresourcedefinitions",
		Singular:   "customresourcedefinition",
		Kind:       "CustomResourceDefinition",
		ShortNames: []string{"crd", "crds"},
		Categories: []string{"api-extensions"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[apiextensionsv1.CustomResourceDefinition],
			NewList: resource.NewList[apiextensionsv1.CustomResourceDefinitionList],
			Default: resource.Defaulter(defaultCustomResourceDefinition),
		}},
		PrepareCreate:  resource.OnCreate(prepareCustomResourceDefinition),
		PrepareUpdate:  resource.OnUpdate(prepareCustomResourceDefinitionUpdate),
		Validate:       resource.Check(validateCustomResourceDefinition),
		NoPropagation:  true,
		ValidateUpdate: resource.CheckUpdate(validateCustomResourceDefinitionUpdate),
		StoragePrefix:  "apiextensions.k8s.io/customresourcedefinitions",
		StoredAsJSON:   true,
	}, func(c *apiextensionsv1.CustomResourceDefinition) (*apiextensionsv1.CustomResourceDefinitionSpec, *apiextensionsv1.CustomResourceDefinitionStatus) {
		return &c.Spec, &c.Status
	}, resource.CheckStatus(validateCustomResourceDefinitionStatus),
		resource.PrepareStatus(prepareCustomResourceDefinitionUpdate))
}

// The port of a service that names none.
const httpsPort int32 = 443

func defaultCustomResourceDefinition(d *apiextensionsv1.CustomResourceDefinition) {
	names := &d.Spec.Names
	if names.Singular == "" {
		names.Singular = strings.ToLower(names.Kind)
	}
	if names.ListKind == "" && names.Kind != "" {
		names.ListKind = names.Kind + "List"
	}
	if d.Spec.Conversion == nil {
		d.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter}
	}
	if webhook := d.Spec.Conversion.Webhook; webhook != nil && webhook.ClientConfig != nil && webhook.ClientConfig.Service != nil && webhook.ClientConfig.Service.Port == nil {
		webhook.ClientConfig.Service.Port = ptr.To(httpsPort)
	}
}

// prepareCustomResourceDefinitionUpdate remembers the storage version: objects are stored in it from now on.
func prepareCustomResourceDefinitionUpdate(d, _ *apiextensionsv1.CustomResourceDefinition) {
	for _, v := range d.Spec.Versions {
		if !v.Storage {
			continue
		}
		if !slices.Contains(d.Status.StoredVersions, v.Name) {
			d.Status.StoredVersions = append(slices.Clone(d.Status.StoredVersions), v.Name)
		}
		break
	}
}

// prepareCustomResourceDefinition notes in which version objects are about to be stored.
func prepareCustomResourceDefinition(d *apiextensionsv1.CustomResourceDefinition) {
	d.Status.StoredVersions = nil
	for _, v := range d.Spec.Versions {
		if v.Storage {
			d.Status.StoredVersions = append(d.Status.StoredVersions, v.Name)
			break
		}
	}
}
