package openapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"github.com/go-logr/logr"
)

// The shapes of OpenAPI v2, their fields in the order in which upstream writes them.
type (
	parameterV2 struct {
		Ref         string     `json:"$ref,omitempty"`
		Unique      bool       `json:"uniqueItems,omitempty"`
		Type        string     `json:"type,omitempty"`
		Description string     `json:"description,omitempty"`
		Name        string     `json:"name,omitempty"`
		In          string     `json:"in,omitempty"`
		Required    bool       `json:"required,omitempty"`
		Schema      *typeOrRef `json:"schema,omitempty"`
	}
	responseV2 struct {
		Description string     `json:"description"`
		Schema      *typeOrRef `json:"schema,omitempty"`
	}
	operationV2 struct {
		Description string                `json:"description"`
		Consumes    []string              `json:"consumes"`
		Produces    []string              `json:"produces"`
		Schemes     []string              `json:"schemes"`
		Tags        []string              `json:"tags"`
		ID          string                `json:"operationId"`
		Parameters  []parameterV2         `json:"parameters,omitempty"`
		Responses   map[string]responseV2 `json:"responses"`
		Action      string                `json:"x-kubernetes-action,omitempty"`
		Kind        *kindObject           `json:"x-kubernetes-group-version-kind,omitempty"`
	}
)

// sharing collects the parameters that operations refer to by name. Names are those that upstream computes.
type sharing map[string]parameterV2

// refer returns a reference to p, unless p is of a sort that clients look for in place, or that no other operation has.
func (s sharing) refer(p parameterV2) (parameterV2, error) {
	own := p.In == "body" && !strings.HasPrefix(p.Schema.Ref, refV2+"io.k8s.apimachinery")
	if own || p.Name == "name" || (p.In == "query" && (p.Name == "fieldValidation" || p.Name == "dryRun")) {
		return p, nil
	}
	var out bytes.Buffer
	if err := writeJSON(&out, p); err != nil {
		return p, err
	}
	hash := fnv.New64()
	hash.Write(out.Bytes())
	name := p.Name + "-" + base64.URLEncoding.EncodeToString(hash.Sum(nil)[:6])
	s[name] = p
	return parameterV2{Ref: "#/parameters/" + name}, nil
}

func (s sharing) parameters(list []parameter) ([]parameterV2, error) {
	var out []parameterV2
	for _, p := range list {
		shared, err := s.refer(parameterV2{Unique: true, Type: p.kind, Description: p.description, Name: p.name, In: p.in, Required: p.required})
		if err != nil {
			return nil, err
		}
		out = append(out, shared)
	}
	return out, nil
}

func (s sharing) operation(o *operation) (operationV2, error) {
	out := operationV2{Description: o.description, Consumes: o.consumes, Produces: o.produces, Schemes: []string{"https"}, Tags: []string{o.tag}, ID: o.id,
		Action: o.action, Kind: kindOf(o.kind), Responses: map[string]responseV2{}}
	list, err := s.parameters(o.parameters)
	if err != nil {
		return out, err
	}
	if o.body != nil {
		model := modelOf(o.body.model, refV2)
		sent, err := s.refer(parameterV2{Name: "body", In: "body", Required: o.body.required, Schema: &model})
		if err != nil {
			return out, err
		}
		list = append([]parameterV2{sent}, list...)
	}
	out.Parameters = list
	for _, a := range o.answers {
		response := responseV2{Description: a.description}
		if a.model != "" {
			model := modelOf(a.model, refV2)
			response.Schema = &model
		}
		out.Responses[a.code] = response
	}
	return out, nil
}

// documentV2 writes all paths and all schemas that they need. What another server says is left out when it cannot be merged.
func documentV2(ctx context.Context, version string, paths []*path, schemas map[string]Schema, others map[string]*External) ([]byte, error) {
	shared := sharing{}
	var out bytes.Buffer
	out.WriteString(`{"swagger":"2.0","info":`)
	if err := writeJSON(&out, infoObject{Title: "Kubernetes", Version: version}); err != nil {
		return nil, err
	}
	out.WriteString(`,"paths":`)
	start := out.Len()
	err := writePaths(&out, paths, func(o *operation) any { return lazily(func() (any, error) { return shared.operation(o) }) },
		func(list []parameter) any { return lazily(func() (any, error) { return shared.parameters(list) }) })
	if err != nil {
		return nil, err
	}
	merged := newMerger(schemas, shared, paths)
	for _, name := range slices.Sorted(maps.Keys(others)) {
		if err := merged.add(&out, others[name]); err != nil {
			logr.FromContextOrDiscard(ctx).Info("The OpenAPI v2 of a server is left out", "apiService", name, "reason", err.Error())
		}
	}
	// Schemas are reached from operations and from the bodies among the shared parameters.
	var parameters bytes.Buffer
	if err := writeJSON(&parameters, merged.parameters()); err != nil {
		return nil, err
	}
	names := reachable(append(bytes.Clone(out.Bytes()[start:]), parameters.Bytes()...), refV2, merged.schema)
	out.WriteString(`,"definitions":{`)
	separator := ""
	for _, name := range slices.Sorted(maps.Keys(names)) {
		schema := merged.schema(name)
		if schema == nil {
			continue // another server refers to what it does not define
		}
		out.WriteString(separator)
		if err := writeJSON(&out, name); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		out.Write(schema)
		separator = ","
	}
	out.WriteString(`},"parameters":`)
	out.Write(parameters.Bytes())
	out.WriteString(`,"securityDefinitions":{"BearerToken":{"description":"Bearer Token authentication","type":"apiKey","name":"authorization","in":"header"}},"security":[{"BearerToken":[]}]}`)
	return out.Bytes(), nil
}

// lazily is a value made when it is written, so that making it may fail.
type lazily func() (any, error)

// MarshalJSON implements json.Marshaler.
func (l lazily) MarshalJSON() ([]byte, error) {
	value, err := l()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = writeJSON(&out, value)
	return out.Bytes(), err
}

var _ json.Marshaler = lazily(nil)
