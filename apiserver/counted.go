package apiserver

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/health"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// metricNames are under which a request is counted: what is not served has no names of its own. A path that is no resource's
// is told by the name of what answers it, where upstream has the subresource.
func (s *Server) metricNames(info *request.Info) metrics.Names {
	if !info.IsResource {
		return metrics.Names{Subresource: s.pathName(strings.TrimSuffix(info.Path, "/"))}
	}
	at := s.Now().EndpointOf(info)
	if at == nil {
		return metrics.Names{}
	}
	names := metrics.Names{Group: info.Group, Version: info.Version, Resource: info.Resource}
	if at.Row.Subresource(info.Subresource) != nil {
		names.Subresource = info.Subresource
	}
	if at.Version.Deprecated != "" {
		s.metrics.Deprecated(names, removedIn(at.Version.Deprecated))
	}
	return names
}

// pathName is one of a few.
func (s *Server) pathName(p string) string {
	switch {
	case p == "/version", p == "/metrics", p == "/metrics/slis", p == "/api", p == "/apis", health.IsPath(p) && strings.Count(p, "/") == 1, s.Paths[p] != nil:
		return p
	case strings.HasPrefix(p, "/openapi/v2"):
		return "openapi/v2"
	case strings.HasPrefix(p, "/openapi/v3"):
		return "openapi/v3"
	}
	return ""
}

// removedIn is the release that a warning says the API will be gone in, or "".
func removedIn(warning string) string {
	_, rest, ok := strings.Cut(warning, "unavailable in v")
	if !ok {
		return ""
	}
	release, _, _ := strings.Cut(rest, "+")
	return release
}

// countObjects tells how many objects of each resource there are.
func (s *Server) countObjects(yield func(group, resource string, count int)) {
	s.eachCached(func(row *resource.Resource, cached *cache.Resource) { yield(row.Group, row.Name, cached.Len()) })
}

// watchedResources tells what the watch cache has counted.
func (s *Server) watchedResources(yield func(group, resource string, figures cache.Figures)) {
	s.eachCached(func(row *resource.Resource, cached *cache.Resource) { yield(row.Group, row.Name, cached.Figures()) })
}

// eachCached calls with each resource that is in the watch cache once: a custom one has a row for each of its versions.
func (s *Server) eachCached(yield func(row *resource.Resource, cached *cache.Resource)) {
	now, seen := s.Now(), map[schema.GroupResource]bool{}
	for _, row := range now.Rows {
		at := now.Endpoints[row.GroupResource().WithVersion(row.Versions[0].Name)]
		if at != nil && at.Cached != nil && !seen[row.GroupResource()] {
			seen[row.GroupResource()] = true
			yield(row, at.Cached)
		}
	}
}

// namesByPrefix are of the resources, by what their keys begin with.
func namesByPrefix(rows []*resource.Resource) map[string]metrics.Names {
	names := map[string]metrics.Names{}
	for _, row := range rows {
		if row.StoragePrefix != "" {
			names[row.StoragePrefix] = metrics.Names{Group: row.Group, Resource: row.Name}
		}
	}
	return names
}
