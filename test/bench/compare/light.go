package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// numberedPod is what a pod is called.
const numberedPod = "pod-" + load.Number

// podsPath is where the pods of a namespace are.
func podsPath(namespace string) string { return "/api/v1/namespaces/" + namespace + "/pods" }

// lightRequest is a call as client-go makes it in an encoding.
func lightRequest(method, path string, body []byte, encoding string) load.Request {
	r := load.Request{Method: method, Path: path, ContentType: encoding, Accept: encoding + ", */*", Status: http.StatusOK}
	if body != nil {
		r.Body = load.Template(body)
	}
	return r
}

// lightCreate is a call that creates a pod with load.Number in its name.
func lightCreate(namespace string, pod *corev1.Pod, encoding string) (load.Request, error) {
	body, err := load.Encode(pod, corev1.SchemeGroupVersion, encoding)
	if err != nil {
		return load.Request{}, err
	}
	r := lightRequest(http.MethodPost, podsPath(namespace), body, encoding)
	r.Status = http.StatusCreated
	return r, nil
}

// lightVerbs are the calls of typedVerbs, with the same bodies, by the light client.
func (t *turn) lightVerbs(ctx context.Context, l callers) ([]verb, error) {
	create, err := lightCreate("default", load.Waiting(numberedPod), l.encoding)
	if err != nil {
		return nil, err
	}
	options, err := load.Encode(&metav1.DeleteOptions{}, corev1.SchemeGroupVersion, l.encoding)
	if err != nil {
		return nil, err
	}
	one := podsPath("default") + "/" + numberedPod
	ask := func(method, path string, body []byte) load.Request {
		return lightRequest(method, path, body, l.encoding)
	}
	patch := func(kind types.PatchType, path, body string) load.Request {
		r := ask(http.MethodPatch, path, []byte(body))
		r.ContentType = string(kind)
		return r
	}
	update := ask(http.MethodPut, one, nil)
	repeated := func(name string, r load.Request) verb {
		return verb{name, func() (func() (load.Result, error), error) { return t.lightly(ctx, l, r) }}
	}
	return []verb{
		repeated("create", create),
		repeated("get", ask(http.MethodGet, one, nil)),
		{"update", func() (_ func() (load.Result, error), err error) {
			if update.Body, err = t.updates(ctx, l); err != nil {
				return nil, err
			}
			return t.lightly(ctx, l, update)
		}},
		repeated("merge patch", patch(types.MergePatchType, one, `{"metadata":{"labels":{"merged":"`+load.Number+`"}}}`)),
		repeated("strategic merge patch of status", patch(types.StrategicMergePatchType, one+"/status", `{"status":{"message":"`+load.Number+`"}}`)),
		repeated("apply", patch(types.ApplyPatchType, one+"?fieldManager=bench&force=true",
			`{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"applied":"`+load.Number+`"}}}`)),
		repeated("delete", ask(http.MethodDelete, one, options)),
	}, nil
}

// lightly connects and returns what repeats a call.
func (t *turn) lightly(ctx context.Context, l callers, r load.Request) (func() (load.Result, error), error) {
	client, err := load.Dial(ctx, t.Config)
	if err != nil {
		return nil, err
	}
	return func() (load.Result, error) {
		result, err := client.Repeat(ctx, l.workers, l.calls, r)
		return result, errors.Join(err, client.Close())
	}, nil
}

// updates are all pods as they are, each with one more label.
func (t *turn) updates(ctx context.Context, l callers) (func(call int) []byte, error) {
	c, err := load.Client(t.Config, load.Protobuf)
	if err != nil {
		return nil, err
	}
	list, err := c.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	pods := map[string]*corev1.Pod{}
	for i := range list.Items {
		pods[list.Items[i].Name] = &list.Items[i]
	}
	all := make([][]byte, l.calls)
	for i := range all {
		pod := pods[load.Numbered(numberedPod, i)]
		if pod == nil {
			return nil, fmt.Errorf("pod %d is not there", i)
		}
		pod.Labels["updated"] = "true"
		if all[i], err = load.Encode(pod, corev1.SchemeGroupVersion, l.encoding); err != nil {
			return nil, err
		}
	}
	return func(call int) []byte { return all[call] }, nil
}
