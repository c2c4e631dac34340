package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// typedVerbs are calls by a typed client, in an order in which each finds what it needs.
func (t *turn) typedVerbs(ctx context.Context, l callers) ([]verb, error) {
	c, err := load.Client(t.Config, l.encoding)
	if err != nil {
		return nil, err
	}
	pods := c.CoreV1().Pods("default")
	made := make([]*corev1.Pod, l.calls)
	name := func(i int) string { return fmt.Sprintf("pod-%d", i) }
	force := true
	repeated := func(name string, do func(i int) error) verb {
		return verb{name, func() (func() (load.Result, error), error) {
			return func() (load.Result, error) { return load.Repeat(l.workers, l.calls, do) }, nil
		}}
	}
	patch := func(kind types.PatchType, body string, options metav1.PatchOptions, parts ...string) func(i int) error {
		return func(i int) error {
			_, err := pods.Patch(ctx, name(i), kind, fmt.Appendf(nil, body, i), options, parts...)
			return err
		}
	}
	return []verb{
		repeated("create", func(i int) (err error) {
			made[i], err = pods.Create(ctx, load.Waiting(name(i)), metav1.CreateOptions{})
			return err
		}),
		repeated("get", func(i int) error {
			_, err := pods.Get(ctx, name(i), metav1.GetOptions{})
			return err
		}),
		repeated("update", func(i int) error {
			made[i].Labels["updated"] = "true"
			_, err := pods.Update(ctx, made[i], metav1.UpdateOptions{})
			return err
		}),
		repeated("merge patch", patch(types.MergePatchType, `{"metadata":{"labels":{"merged":"%d"}}}`, metav1.PatchOptions{})),
		repeated("strategic merge patch of status", patch(types.StrategicMergePatchType, `{"status":{"message":"%d"}}`, metav1.PatchOptions{}, "status")),
		repeated("apply", patch(types.ApplyPatchType, `{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"applied":"%d"}}}`,
			metav1.PatchOptions{FieldManager: "bench", Force: &force})),
		repeated("delete", func(i int) error { return pods.Delete(ctx, name(i), metav1.DeleteOptions{}) }),
	}, nil
}
