package aggregation

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

const (
	checkTimeout  = 5 * time.Second
	checkAttempts = 3
	maxDiscovery  = 4 << 20
)

// syncAvailable finds out whether the server behind an APIService is there, and writes that into its status. It returns false
// where it is not.
func (a *Aggregator) syncAvailable(ctx context.Context, name string) (available bool, err error) {
	r := a.byName(name)
	stored, found := auth.Get[*apiregistrationv1.APIService](a.Lister, apiServices(), "", name)
	if r != nil && !found {
		a.set(r.gv(), nil)
	}
	if r == nil || !found {
		return true, nil
	}
	condition := a.check(ctx, r)
	if ctx.Err() != nil {
		return false, nil
	}
	r.available.Store(condition.Status == apiregistrationv1.ConditionTrue)
	changed := stored.DeepCopy()
	if !setCondition(changed, condition) {
		return r.available.Load(), nil
	}
	writer, err := a.Writer()
	if err != nil {
		return false, err
	}
	if err := writer.Status().Update(ctx, changed); err != nil && !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("writing the status of APIService %s: %w", name, err)
	}
	return r.available.Load(), nil
}

// setCondition returns false when the condition says so already.
func setCondition(s *apiregistrationv1.APIService, wanted apiregistrationv1.APIServiceCondition) bool {
	for i := range s.Status.Conditions {
		now := &s.Status.Conditions[i]
		if now.Type != wanted.Type {
			continue
		}
		if now.Status == wanted.Status && now.Reason == wanted.Reason && now.Message == wanted.Message {
			return false
		}
		if now.Status == wanted.Status {
			wanted.LastTransitionTime = now.LastTransitionTime
		}
		*now = wanted
		return true
	}
	s.Status.Conditions = append(s.Status.Conditions, wanted)
	return true
}

// check is the condition Available of a group version.
func (a *Aggregator) check(ctx context.Context, r *remote) apiregistrationv1.APIServiceCondition {
	condition := apiregistrationv1.APIServiceCondition{
		Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionFalse, LastTransitionTime: metav1.NewTime(a.Clock.Now()),
	}
	if condition.Reason, condition.Message = a.checkService(r); condition.Reason != "" {
		return condition
	}
	if err := a.checkDiscovery(ctx, r); err != nil {
		condition.Reason, condition.Message = "FailedDiscoveryCheck", err.Error()
		return condition
	}
	condition.Status, condition.Reason, condition.Message = apiregistrationv1.ConditionTrue, "Passed", "all checks passed"
	return condition
}

// checkService says why the Service cannot be called, if so.
func (a *Aggregator) checkService(r *remote) (reason, message string) {
	ref := r.spec.Service
	service, found := auth.Get[*corev1.Service](a.Lister, schema.GroupResource{Resource: "services"}, ref.Namespace, ref.Name)
	if !found {
		return "ServiceNotFound", fmt.Sprintf("service/%s in %q is not present", ref.Name, ref.Namespace)
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return "", ""
	}
	port := ptr.Deref(ref.Port, 443)
	for i := range service.Spec.Ports {
		if service.Spec.Ports[i].Port == port {
			return a.checkEndpoints(ref, service.Spec.Ports[i].Name)
		}
	}
	return "ServicePortError", fmt.Sprintf("service/%s in %q is not listening on port %d", ref.Name, ref.Namespace, port)
}

func (a *Aggregator) checkEndpoints(ref *apiregistrationv1.ServiceReference, portName string) (reason, message string) {
	found := false
	of := schema.GroupResource{Group: discoveryv1.GroupName, Resource: "endpointslices"}
	for _, slice := range auth.List[*discoveryv1.EndpointSlice](a.Lister, of, ref.Namespace) {
		if slice.Labels[discoveryv1.LabelServiceName] != ref.Name {
			continue
		}
		found = true
		if hasPort(slice, portName) && hasReady(slice) {
			return "", ""
		}
	}
	if !found {
		return "EndpointsNotFound", fmt.Sprintf("cannot find endpointslices for service/%s in %q", ref.Name, ref.Namespace)
	}
	return "MissingEndpoints", fmt.Sprintf("endpointslices for service/%s in %q have no addresses with port name %q", ref.Name, ref.Namespace, portName)
}

func hasPort(slice *discoveryv1.EndpointSlice, name string) bool {
	for i := range slice.Ports {
		if ptr.Deref(slice.Ports[i].Name, "") == name {
			return true
		}
	}
	return false
}

func hasReady(slice *discoveryv1.EndpointSlice) bool {
	for i := range slice.Endpoints {
		if ptr.Deref(slice.Endpoints[i].Conditions.Ready, true) && len(slice.Endpoints[i].Addresses) > 0 {
			return true
		}
	}
	return false
}

// checkDiscovery asks the server what it serves in the group version, and keeps that.
func (a *Aggregator) checkDiscovery(ctx context.Context, r *remote) error {
	if r.wrong != nil {
		return r.wrong
	}
	path := "/apis/" + r.spec.Group + "/" + r.spec.Version
	base := "https://" + r.host
	if address, err := a.Resolver.Resolve(r.spec.Service.Namespace, r.spec.Service.Name, ptr.Deref(r.spec.Service.Port, 443)); err == nil {
		base = "https://" + address
	}
	shown := base + path
	var err error
	for range checkAttempts {
		var data []byte
		if data, err = a.ask(ctx, r, shown); err == nil {
			a.keepDocument(ctx, r, base)
			keep(r, data)
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("failing or missing response from %s: %w", shown, err)
}

// ask gets a document from the server behind r, as the aggregator itself.
func (a *Aggregator) ask(ctx context.Context, r *remote, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	identify(request.Header, &user.DefaultInfo{Name: "system:kube-aggregator", Groups: []string{user.SystemPrivilegedGroup}})
	request.Header.Set("Accept", "application/json")
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := (&http.Client{Transport: r.transport, CheckRedirect: refuse}).Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxDiscovery))
	if err != nil {
		return nil, err
	}
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("bad status from %s: %d", url, response.StatusCode)
	}
	return data, nil
}

// keep notes what the server serves. One that answers something else is there all the same.
func keep(r *remote, data []byte) {
	list := &metav1.APIResourceList{}
	if json.Unmarshal(data, list) != nil {
		return
	}
	discovered := fromList(r.gv(), list)
	r.discovered.Store(&discovered)
}
