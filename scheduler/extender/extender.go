package extender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/rest"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

const (
	defaultTimeout = 5 * time.Second
	maxAnswer      = 64 << 20
)

// Extender is one of them.
type Extender struct {
	ctx     context.Context //nolint:containedctx // the framework's Extender is given none; it ends with the scheduler
	config  schedulerv1.Extender
	client  *http.Client
	managed sets.Set[string]
}

var _ fwk.Extender = &Extender{}

// New prepares the calls to an extender, which end with ctx.
func New(ctx context.Context, c schedulerv1.Extender) (*Extender, error) {
	tls := rest.TLSClientConfig{}
	if t := c.TLSConfig; t != nil {
		tls = rest.TLSClientConfig{
			Insecure: t.Insecure, ServerName: t.ServerName, CertFile: t.CertFile, KeyFile: t.KeyFile, CAFile: t.CAFile, CertData: t.CertData, KeyData: t.KeyData, CAData: t.CAData,
		}
	}
	if c.EnableHTTPS && len(tls.CAData) == 0 && tls.CAFile == "" {
		tls.Insecure = true // as upstream: without an authority nothing can be verified
	}
	transport, err := rest.TransportFor(&rest.Config{TLSClientConfig: tls})
	if err != nil {
		return nil, err
	}
	timeout := c.HTTPTimeout.Duration
	if timeout == 0 {
		timeout = defaultTimeout
	}
	e := &Extender{ctx: ctx, config: c, client: &http.Client{Transport: transport, Timeout: timeout}, managed: sets.New[string]()}
	for _, r := range c.ManagedResources {
		e.managed.Insert(r.Name)
	}
	return e, nil
}

// Name implements fwk.Extender.
func (e *Extender) Name() string { return e.config.URLPrefix }

// IsIgnorable implements fwk.Extender.
func (e *Extender) IsIgnorable() bool { return e.config.Ignorable }

// IsBinder implements fwk.Extender.
func (e *Extender) IsBinder() bool { return e.config.BindVerb != "" }

// IsPrioritizer implements fwk.Extender.
func (e *Extender) IsPrioritizer() bool { return e.config.PrioritizeVerb != "" }

// IsFilter implements fwk.Extender.
func (e *Extender) IsFilter() bool { return e.config.FilterVerb != "" }

// SupportsPreemption implements fwk.Extender.
func (e *Extender) SupportsPreemption() bool { return e.config.PreemptVerb != "" }

// IsInterested implements fwk.Extender: in pods that ask for one of its resources; in all if it names none.
func (e *Extender) IsInterested(pod *corev1.Pod) bool {
	if e.managed.Len() == 0 {
		return true
	}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			for _, list := range []corev1.ResourceList{containers[i].Resources.Requests, containers[i].Resources.Limits} {
				for name := range list {
					if e.managed.Has(string(name)) {
						return true
					}
				}
			}
		}
	}
	return false
}

// Filter implements fwk.Extender.
func (e *Extender) Filter(pod *corev1.Pod, nodes []fwk.NodeInfo) ([]fwk.NodeInfo, extenderv1.FailedNodesMap, extenderv1.FailedNodesMap, error) {
	var result extenderv1.ExtenderFilterResult
	if err := e.call(e.config.FilterVerb, e.args(pod, nodes), &result); err != nil {
		return nil, nil, nil, err
	}
	if result.Error != "" {
		return nil, nil, nil, errors.New(result.Error)
	}
	byName := map[string]fwk.NodeInfo{}
	for _, node := range nodes {
		byName[node.Node().Name] = node
	}
	var names []string
	switch {
	case e.config.NodeCacheCapable && result.NodeNames != nil:
		names = *result.NodeNames
	case result.Nodes != nil:
		for i := range result.Nodes.Items {
			names = append(names, result.Nodes.Items[i].Name)
		}
	}
	var fitting []fwk.NodeInfo
	for _, name := range names {
		node, ok := byName[name]
		if !ok {
			return nil, nil, nil, fmt.Errorf("extender %q claims a filtered node %q which is not found in the input node list", e.Name(), name)
		}
		fitting = append(fitting, node)
	}
	return fitting, result.FailedNodes, result.FailedAndUnresolvableNodes, nil
}

// Prioritize implements fwk.Extender.
func (e *Extender) Prioritize(pod *corev1.Pod, nodes []fwk.NodeInfo) (*extenderv1.HostPriorityList, int64, error) {
	var result extenderv1.HostPriorityList
	if err := e.call(e.config.PrioritizeVerb, e.args(pod, nodes), &result); err != nil {
		return nil, 0, err
	}
	return &result, e.config.Weight, nil
}

// Bind implements fwk.Extender.
func (e *Extender) Bind(binding *corev1.Binding) error {
	var result extenderv1.ExtenderBindingResult
	args := &extenderv1.ExtenderBindingArgs{PodName: binding.Name, PodNamespace: binding.Namespace, PodUID: binding.UID, Node: binding.Target.Name}
	if err := e.call(e.config.BindVerb, args, &result); err != nil {
		return err
	}
	if result.Error != "" {
		return errors.New(result.Error)
	}
	return nil
}

func (e *Extender) args(pod *corev1.Pod, nodes []fwk.NodeInfo) *extenderv1.ExtenderArgs {
	args := &extenderv1.ExtenderArgs{Pod: pod}
	if e.config.NodeCacheCapable {
		names := make([]string, 0, len(nodes))
		for _, node := range nodes {
			names = append(names, node.Node().Name)
		}
		args.NodeNames = &names
		return args
	}
	args.Nodes = &corev1.NodeList{}
	for _, node := range nodes {
		args.Nodes.Items = append(args.Nodes.Items, *node.Node())
	}
	return args
}

func (e *Extender) call(verb string, args, result any) error {
	body, err := json.Marshal(args)
	if err != nil {
		return err
	}
	url := strings.TrimRight(e.config.URLPrefix, "/") + "/" + verb
	request, err := http.NewRequestWithContext(e.ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := e.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("failed %v with extender at URL %v, code %v", verb, url, response.StatusCode)
	}
	return json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(result)
}
