// Package expression compiles and evaluates the CEL expressions of admission: conditions of webhooks, and everything that policies
// say. It knows what expressions may refer to (object, oldObject, request, namespaceObject, params, variables, authorizer) and what
// they may cost.
//
// It reads nothing but what it is given, writes nothing, and builds its environment when the first expression is compiled.
package expression
