package apiserver

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/coxswain-k8s/coxswain/apiserver/connect"
	"github.com/coxswain-k8s/coxswain/apiserver/discovery"
	"github.com/coxswain-k8s/coxswain/apiserver/pods"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/scale"
)

// serveSubresource answers on a path below an object.
func (c dispatch) serveSubresource() error {
	sub := c.At.Row.Subresource(c.Info.Subresource)
	if sub == nil && c.At.Custom != nil {
		return c.NotFound(c.Info.Name)
	}
	if sub == nil {
		return refusal.NoSuchPath()
	}
	c.Sub = sub
	if len(c.Info.Rest) > 0 && sub.Name != "proxy" {
		return refusal.NoSuchPath()
	}
	// What a proxy passes on may also ask which methods there are, for which the API has no verb.
	asks := sub.Name == "proxy" && c.R.Method == http.MethodOptions
	if !asks && !slices.Contains(discovery.SubresourceVerbs(sub), c.Info.Verb) {
		return refusal.Method()
	}
	switch {
	case sub.Action:
		return c.serveAction()
	case sub.Scale != nil:
		return scale.Verbs{Verbs: c.Verbs}.Serve()
	}
	if err := c.Negotiate(); err != nil {
		return err
	}
	switch c.Info.Verb {
	case "get":
		return c.Get()
	case "update":
		return c.Update()
	case "patch":
		return c.Patch()
	}
	return refusal.Method()
}

// serveAction is the list of what subresources do.
func (c dispatch) serveAction() error {
	switch c.At.Row.Name + "/" + c.Sub.Name {
	case "pods/exec", "pods/attach", "pods/portforward", "pods/log", "pods/proxy", "services/proxy", "nodes/proxy":
		return connect.Verbs{Verbs: c.Verbs, Nodes: c.Nodes}.Connect()
	}
	if err := c.Negotiate(); err != nil {
		return err
	}
	switch c.At.Row.Name + "/" + c.Sub.Name {
	case "pods/binding":
		return pods.Verbs{Verbs: c.Verbs}.Bind()
	case "pods/eviction":
		return pods.Verbs{Verbs: c.Verbs}.Evict()
	case "serviceaccounts/token":
		return c.issueToken()
	}
	return refusal.Unavailable(fmt.Sprintf("%s/%s is not served", c.At.Row.Name, c.Sub.Name))
}
