package requests

import (
	"fmt"
	"net/http"
	"path/filepath"
)

// SetUp is the area of the requests without which the others are about nothing.
const SetUp = "set up"

// All makes the requests from a folder of scenarios and objects and from a folder of further objects, in the order in which
// they are to be sent.
func All(data, further string) ([]Request, error) {
	rich, err := readObjects(filepath.Join(data, "objects", "*.yaml"))
	if err != nil {
		return nil, err
	}
	good, err := readObjects(filepath.Join(further, "create", "*.in.yaml"))
	if err != nil {
		return nil, err
	}
	known, err := readObjects(filepath.Join(further, "invalid", "*.in.yaml"),
		filepath.Join(further, "warning", "*.in.yaml"), filepath.Join(further, "table", "*.in.yaml"))
	if err != nil {
		return nil, err
	}
	scenarios, err := readScenarios(filepath.Join(data, "scenarios"))
	if err != nil {
		return nil, err
	}
	all := setUp()
	all = append(all, tries(append(good, known...))...)
	all = append(all, changes(good, rich)...)
	return append(all, scenarios...), nil
}

// Gated are the requests for servers with what Gates switches on, from the same folder.
func Gated(data string) ([]Request, error) {
	all, err := readScenarios(filepath.Join(data, "gated"))
	return append(setUp(), all...), err
}

// Gates are on where Gated are sent.
const Gates = "CBORServingAndStorage=true"

// setUp makes the namespace of requests, and the account that pods in it have, which a controller would make.
func setUp() []Request {
	var all []Request
	for _, name := range []string{Namespace, "default", "other"} {
		namespace := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}
		account := map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": "default"}}
		if name != "default" {
			all = append(all, send(SetUp, "namespace "+name, http.MethodPost, "/api/v1/namespaces", namespace))
		}
		all = append(all, send(SetUp, "account in "+name, http.MethodPost, fmt.Sprintf("/api/v1/namespaces/%s/serviceaccounts", name), account))
	}
	return all
}
