package env

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/kubelet/downward"
)

// Source answers what environment variables refer to. Errors of Get methods are those of the API.
type Source interface {
	ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error)
	Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	// Services lists the services whose variables the pods of the namespace get.
	Services(ctx context.Context, namespace string) ([]corev1.Service, error)
	// NotFound tells a missing object from other errors.
	NotFound(err error) bool
}

// Input is all that a container's environment depends on.
type Input struct {
	Pod         *corev1.Pod
	Container   *corev1.Container
	PodIPs      []string
	HostIPs     []string
	Allocatable corev1.ResourceList
	Source      Source
}

// environment collects variables in the order of their first mention; a later value replaces an earlier one.
type environment struct {
	names  []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	if _, known := e.values[name]; !known {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *environment) lookup(name string) (string, bool) {
	v, ok := e.values[name]
	return v, ok
}

// Make computes the environment of a container: its own variables, which win over envFrom, which wins over services.
func Make(ctx context.Context, in Input) ([]*runtimeapi.KeyValue, error) {
	services, err := in.Source.Services(ctx, in.Pod.Namespace)
	if err != nil {
		return nil, fmt.Errorf("listing services for the environment: %w", err)
	}
	serviceEnv := serviceVariables(in.Pod, services)
	env := &environment{values: map[string]string{}}
	for i := range in.Container.EnvFrom {
		if err := in.addAll(ctx, env, &in.Container.EnvFrom[i]); err != nil {
			return nil, err
		}
	}
	// $(NAME) may refer to service variables, but they must not hide a variable that is defined later.
	resolve := func(name string) (string, bool) {
		if v, ok := env.lookup(name); ok {
			return v, true
		}
		v, ok := serviceEnv[name]
		return v, ok
	}
	for i := range in.Container.Env {
		v := &in.Container.Env[i]
		value, ok := Expand(v.Value, resolve), true
		if v.Value == "" && v.ValueFrom != nil {
			if value, ok, err = in.valueFrom(ctx, v.ValueFrom); err != nil {
				return nil, err
			}
		}
		if ok {
			env.set(v.Name, value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(serviceEnv)) {
		if _, known := env.values[name]; !known {
			env.set(name, serviceEnv[name])
		}
	}
	out := make([]*runtimeapi.KeyValue, 0, len(env.names))
	for _, name := range env.names {
		out = append(out, &runtimeapi.KeyValue{Key: name, Value: []byte(env.values[name])})
	}
	return out, nil
}

func (in Input) addAll(ctx context.Context, env *environment, from *corev1.EnvFromSource) error {
	data := map[string]string{}
	switch {
	case from.ConfigMapRef != nil:
		cm, err := in.Source.ConfigMap(ctx, in.Pod.Namespace, from.ConfigMapRef.Name)
		if err != nil {
			if in.Source.NotFound(err) && ptr.Deref(from.ConfigMapRef.Optional, false) {
				return nil
			}
			return err
		}
		data = cm.Data
	case from.SecretRef != nil:
		secret, err := in.Source.Secret(ctx, in.Pod.Namespace, from.SecretRef.Name)
		if err != nil {
			if in.Source.NotFound(err) && ptr.Deref(from.SecretRef.Optional, false) {
				return nil
			}
			return err
		}
		for k, v := range secret.Data {
			data[k] = string(v)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		env.set(from.Prefix+key, data[key])
	}
	return nil
}

// valueFrom returns the value and whether the variable is set at all.
func (in Input) valueFrom(ctx context.Context, from *corev1.EnvVarSource) (string, bool, error) {
	switch {
	case from.FieldRef != nil:
		v, err := downward.Field(in.Pod, from.FieldRef.FieldPath, in.PodIPs, in.HostIPs)
		return v, true, err
	case from.ResourceFieldRef != nil:
		v, err := downward.Resource(in.Pod, in.Container, from.ResourceFieldRef, in.Allocatable)
		return v, true, err
	case from.ConfigMapKeyRef != nil:
		return in.configMapKey(ctx, from.ConfigMapKeyRef)
	case from.SecretKeyRef != nil:
		return in.secretKey(ctx, from.SecretKeyRef)
	case from.FileKeyRef != nil:
		return "", false, errors.New("fileKeyRef is not supported")
	}
	return "", true, nil
}

func (in Input) configMapKey(ctx context.Context, ref *corev1.ConfigMapKeySelector) (string, bool, error) {
	cm, err := in.Source.ConfigMap(ctx, in.Pod.Namespace, ref.Name)
	if err != nil {
		if in.Source.NotFound(err) && ptr.Deref(ref.Optional, false) {
			return "", false, nil
		}
		return "", false, err
	}
	v, ok := cm.Data[ref.Key]
	if !ok && !ptr.Deref(ref.Optional, false) {
		return "", false, fmt.Errorf("couldn't find key %v in ConfigMap %v/%v", ref.Key, in.Pod.Namespace, ref.Name)
	}
	return v, ok, nil
}

func (in Input) secretKey(ctx context.Context, ref *corev1.SecretKeySelector) (string, bool, error) {
	secret, err := in.Source.Secret(ctx, in.Pod.Namespace, ref.Name)
	if err != nil {
		if in.Source.NotFound(err) && ptr.Deref(ref.Optional, false) {
			return "", false, nil
		}
		return "", false, err
	}
	v, ok := secret.Data[ref.Key]
	if !ok && !ptr.Deref(ref.Optional, false) {
		return "", false, fmt.Errorf("couldn't find key %v in Secret %v/%v", ref.Key, in.Pod.Namespace, ref.Name)
	}
	return string(v), ok, nil
}

// Expand replaces $(NAME) by the variable's value where it has one. $$ stands for one $, so that $$(NAME) stays
// $(NAME); anything else stays as it is.
func Expand(text string, lookup func(string) (string, bool)) string {
	if !strings.Contains(text, "$") {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		switch text[i+1] {
		case '$':
			out.WriteByte('$')
			i++
		case '(':
			end := strings.IndexByte(text[i:], ')')
			if end < 0 {
				out.WriteString("$(")
				i++
				continue
			}
			name := text[i+2 : i+end]
			if value, ok := lookup(name); ok {
				out.WriteString(value)
			} else {
				out.WriteString(text[i : i+end+1])
			}
			i += end
		default:
			out.WriteByte('$')
		}
	}
	return out.String()
}

// ExpandAll expands a command line over a finished environment.
func ExpandAll(words []string, env []*runtimeapi.KeyValue) []string {
	if len(words) == 0 {
		return nil
	}
	lookup := LookupIn(env)
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = Expand(w, lookup)
	}
	return out
}

// LookupIn makes a finished environment a lookup function.
func LookupIn(env []*runtimeapi.KeyValue) func(string) (string, bool) {
	values := make(map[string]string, len(env))
	for _, kv := range env {
		values[kv.Key] = string(kv.Value)
	}
	return func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	}
}
