package expression

import (
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/version"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
	"k8s.io/apiserver/pkg/cel/mutation"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Names that expressions refer to.
const (
	objectName    = "object"
	oldObjectName = "oldObject"
	requestName   = "request"
	paramsName    = "params"
	namespaceName = "namespaceObject"
	variablesName = "variables"
	authorizer    = "authorizer"
	// requestResource is the part of the authorizer that is about the request itself.
	requestResource = "authorizer.requestResource"
	variablesType   = "kubernetes.variables"
)

// Scope is what expressions may refer to beyond object, oldObject and request.
type Scope struct {
	Namespace, Params, Authorizer bool
	// Patches lets them build Object and JSONPatch values.
	Patches bool
	// Stored expressions were accepted before: they may use what is not offered to new ones.
	Stored bool
}

// Environments makes the environment of each scope once, when it is first wanted.
type Environments struct {
	Metrics *admission.Metrics // may be nil

	mu   sync.Mutex
	made map[Scope]*environment.EnvSet
}

func (e *Environments) of(scope Scope) (*environment.EnvSet, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	scope.Stored = false
	if made := e.made[scope]; made != nil {
		return made, nil
	}
	made, err := build(scope, nil)
	if err != nil {
		return nil, err
	}
	if e.made == nil {
		e.made = map[Scope]*environment.EnvSet{}
	}
	e.made[scope] = made
	return made, nil
}

// build makes the environment of a scope. Variables are of the types that are given, and of any type otherwise.
func build(scope Scope, typed map[string]*apiservercel.DeclType) (*environment.EnvSet, error) {
	request, namespace := requestType(), namespaceType()
	declared := []*apiservercel.DeclType{request, namespace}
	variable := func(name string) cel.EnvOption {
		if kind := typed[name]; kind != nil {
			declared = append(declared, kind)
			return cel.Variable(name, kind.CelType())
		}
		return cel.Variable(name, cel.DynType)
	}
	variables := []cel.EnvOption{variable(objectName), variable(oldObjectName), cel.Variable(requestName, request.CelType())}
	if scope.Namespace {
		variables = append(variables, cel.Variable(namespaceName, namespace.CelType()))
	}
	if scope.Params {
		variables = append(variables, variable(paramsName))
	}
	if scope.Authorizer {
		variables = append(variables, cel.Variable(authorizer, library.AuthorizerType), cel.Variable(requestResource, library.ResourceCheckType))
	}
	options := []environment.VersionedOptions{{
		IntroducedVersion: version.MajorMinor(1, 0), EnvOptions: variables, DeclTypes: declared,
	}, environment.StrictCostOpt}
	made, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).Extend(options...)
	if err == nil && scope.Patches { // after the declared types, whose provider would stand before the resolver
		made, err = made.Extend(environment.VersionedOptions{
			IntroducedVersion: version.MajorMinor(1, 0),
			EnvOptions:        []cel.EnvOption{library.JSONPatch(), common.ResolverEnvOption(&mutation.DynamicTypeResolver{})},
		})
	}
	if err != nil {
		return nil, fmt.Errorf("making an environment of expressions: %w", err)
	}
	return made, nil
}
