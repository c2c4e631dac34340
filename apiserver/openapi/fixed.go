package openapi

import (
	"github.com/coxswain-k8s/coxswain/apiserver/openapi/words"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// discovery is a path that lists what there is.
func discovery(template, id, tag, description, kind string) *path {
	return &path{template: template, operations: []*operation{{method: "get", id: id, tag: tag, description: description,
		answers: answers(optionsPackage+kind, "200"), produces: plainTypes, consumes: plainTypes}}}
}

func versionDiscovery(gv schema.GroupVersion) *path {
	id, tag := words.Version(gv)
	return discovery(words.Root(gv)+"/", "get"+id+"APIResources", tag, "get available resources", "APIResourceList")
}

func groupDiscovery(group string) *path {
	id, tag := words.Group(group)
	return discovery("/apis/"+group+"/", "get"+id+"APIGroup", tag, "get information of a group", "APIGroup")
}

// fixed are the paths that do not depend on what is served, by the name of their document.
func fixed() map[string]*path {
	jsonOnly := func(template, id, tag, description, model, media string) *path {
		return &path{template: template, operations: []*operation{{method: "get", id: id, tag: tag, description: description,
			answers: answers(model, "200"), produces: []string{media}, consumes: []string{"application/json"}}}}
	}
	return map[string]*path{
		"api":  discovery("/api/", "getCoreAPIVersions", "core", "get available API versions", "APIVersions"),
		"apis": discovery("/apis/", "getAPIVersions", "apis", "get available API versions", "APIGroupList"),
		"version": jsonOnly("/version/", "getCodeVersion", "version", "get the version information for this server",
			"io.k8s.apimachinery.pkg.version.Info", "application/json"),
		".well-known/openid-configuration": jsonOnly("/.well-known/openid-configuration/", "getServiceAccountIssuerOpenIDConfiguration", "WellKnown",
			"get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'", "string", "application/json"),
		"openid/v1/jwks": jsonOnly("/openid/v1/jwks/", "getServiceAccountIssuerOpenIDKeyset", "openid",
			"get service account issuer OpenID JSON Web Key Set (contains public token verification keys)", "string", "application/jwk-set+json"),
	}
}
