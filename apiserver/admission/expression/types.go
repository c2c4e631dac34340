package expression

import (
	"github.com/google/cel-go/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/mutation"
)

// fields makes those of a type; none is required.
func fields(of map[string]*apiservercel.DeclType) map[string]*apiservercel.DeclField {
	out := make(map[string]*apiservercel.DeclField, len(of))
	for name, kind := range of {
		out[name] = apiservercel.NewDeclField(name, kind, true, nil, nil)
	}
	return out
}

func group(name, resource string) *apiservercel.DeclType {
	text := apiservercel.StringType
	return apiservercel.NewObjectType(name, fields(map[string]*apiservercel.DeclType{"group": text, "version": text, resource: text}))
}

// requestType is AdmissionRequest of admission.k8s.io/v1, without the objects.
func requestType() *apiservercel.DeclType {
	text := apiservercel.StringType
	kind, resource := group("kubernetes.GroupVersionKind", "kind"), group("kubernetes.GroupVersionResource", "resource")
	user := apiservercel.NewObjectType("kubernetes.UserInfo", fields(map[string]*apiservercel.DeclType{
		"username": text, "uid": text, "groups": apiservercel.NewListType(text, -1),
		"extra": apiservercel.NewMapType(text, apiservercel.NewListType(text, -1), -1),
	}))
	return apiservercel.NewObjectType("kubernetes.AdmissionRequest", fields(map[string]*apiservercel.DeclType{
		"kind": kind, "resource": resource, "subResource": text, "requestKind": kind, "requestResource": resource,
		"requestSubResource": text, "name": text, "namespace": text, "operation": text, "userInfo": user,
		"dryRun": apiservercel.BoolType, "options": apiservercel.DynType,
	}))
}

// namespaceType is Namespace, with the parts of its metadata that say something about it.
func namespaceType() *apiservercel.DeclType {
	text, number := apiservercel.StringType, apiservercel.IntType
	texts, words := apiservercel.NewListType(text, -1), apiservercel.NewMapType(text, text, -1)
	conditions := apiservercel.NewObjectType("kubernetes.NamespaceCondition", fields(map[string]*apiservercel.DeclType{
		"status": text, "type": text, "lastTransitionTime": apiservercel.TimestampType, "message": text, "reason": text,
	}))
	return apiservercel.NewObjectType("kubernetes.Namespace", fields(map[string]*apiservercel.DeclType{
		"metadata": apiservercel.NewObjectType("kubernetes.NamespaceMetadata", fields(map[string]*apiservercel.DeclType{
			"name": text, "generateName": text, "namespace": text, "labels": words, "annotations": words, "UID": text,
			"creationTimestamp": apiservercel.TimestampType, "deletionGracePeriodSeconds": number, "deletionTimestamp": apiservercel.TimestampType,
			"generation": number, "resourceVersion": text, "finalizers": texts,
		})),
		"spec": apiservercel.NewObjectType("kubernetes.NamespaceSpec", fields(map[string]*apiservercel.DeclType{"finalizers": texts})),
		"status": apiservercel.NewObjectType("kubernetes.NamespaceStatus", fields(map[string]*apiservercel.DeclType{
			"conditions": apiservercel.NewListType(conditions, -1), "phase": text,
		})),
	}))
}

// ObjectType is that of an applied configuration.
func ObjectType() *cel.Type { return cel.ObjectType(mutation.ObjectTypeName) }

// PatchType is that of a JSON patch.
func PatchType() *cel.Type { return cel.ListType(cel.ObjectType(mutation.JSONPatchTypeName)) }
