package apiserver

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/coxswain-k8s/coxswain/apiserver/discovery"
)

// serveSubresource answers on a path below an object.
func (c *call) serveSubresource() error {
	sub := c.at.row.Subresource(c.info.Subresource)
	if sub == nil && c.at.custom != nil {
		return c.notFound(c.info.Name)
	}
	if sub == nil {
		return noSuchPath()
	}
	c.sub = sub
	if len(c.info.Rest) > 0 && sub.Name != "proxy" {
		return noSuchPath()
	}
	// What a proxy passes on may also ask which methods there are, for which the API has no verb.
	asks := sub.Name == "proxy" && c.r.Method == http.MethodOptions
	if !asks && !slices.Contains(discovery.SubresourceVerbs(sub), c.info.Verb) {
		return errMethod(c.groupResource())
	}
	switch {
	case sub.Action:
		return c.serveAction()
	case sub.Scale != nil:
		return c.serveScale()
	}
	if err := c.negotiate(); err != nil {
		return err
	}
	switch c.info.Verb {
	case "get":
		return c.get()
	case "update":
		return c.update()
	case "patch":
		return c.patch()
	}
	return errMethod(c.groupResource())
}

// serveAction is the list of what subresources do.
func (c *call) serveAction() error {
	switch c.at.row.Name + "/" + c.sub.Name {
	case "pods/exec", "pods/attach", "pods/portforward", "pods/log", "pods/proxy", "services/proxy", "nodes/proxy":
		return c.connect()
	}
	if err := c.negotiate(); err != nil {
		return err
	}
	switch c.at.row.Name + "/" + c.sub.Name {
	case "pods/binding":
		return c.serveBinding()
	case "pods/eviction":
		return c.evict()
	case "serviceaccounts/token":
		return c.issueToken()
	}
	return unavailable(fmt.Sprintf("%s/%s is not served", c.at.row.Name, c.sub.Name))
}
