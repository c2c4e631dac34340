package main

import (
	"context"
	"fmt"
	"io"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

func listing() scenario {
	return scenario{
		name: "list", title: "Lists",
		about: "All pods of a namespace, one list after the other. Unless it says decoded the body is read and thrown away, so that the client's work does not count.",
		run: func(ctx context.Context, t *turn) error {
			c, err := load.Client(t.Config, load.Protobuf)
			if err != nil {
				return err
			}
			for _, part := range []struct {
				namespace string
				pods      int
			}{{"few", t.size.fewPods}, {"many", t.size.manyPods}} {
				if err := fill(ctx, c, part.namespace, part.pods); err != nil {
					return fmt.Errorf("making %d pods: %w", part.pods, err)
				}
				if err := t.lists(ctx, part.namespace, part.pods); err != nil {
					return fmt.Errorf("listing %d pods: %w", part.pods, err)
				}
			}
			return t.recordMemory(fmt.Sprintf("memory with %d pods, after these lists", t.size.fewPods+t.size.manyPods))
		},
	}
}

// fill makes pods in a new namespace.
func fill(ctx context.Context, c kubernetes.Interface, namespace string, pods int) error {
	if err := newNamespace(ctx, c, namespace); err != nil {
		return err
	}
	_, err := load.Repeat(workers, pods, func(i int) error {
		_, err := c.CoreV1().Pods(namespace).Create(ctx, load.Waiting(fmt.Sprintf("pod-%d", i)), metav1.CreateOptions{})
		return err
	})
	return err
}

// lists measures every way of listing a namespace.
func (t *turn) lists(ctx context.Context, namespace string, pods int) error {
	for _, way := range []struct {
		name, encoding, version string
		compressed              bool
	}{
		{"protobuf", load.Protobuf, "", false},
		{"JSON", load.JSON, "", false},
		{"protobuf, resourceVersion=0", load.Protobuf, "0", false},
		{"JSON, resourceVersion=0", load.JSON, "0", false},
		{"protobuf, gzip as client-go asks for by default", load.Protobuf, "", true},
	} {
		config := load.Separate(t.Config)
		config.ContentType, config.DisableCompression = way.encoding, !way.compressed
		c, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		if err := t.timeLists(fmt.Sprintf("%d pods, %s", pods, way.name), func() error {
			return readList(ctx, c.CoreV1().RESTClient(), namespace, way.version)
		}); err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
	}
	c, err := load.Client(t.Config, load.Protobuf)
	if err != nil {
		return err
	}
	return t.timeLists(fmt.Sprintf("%d pods, protobuf, decoded", pods), func() error {
		list, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) != pods {
			err = fmt.Errorf("%d pods are listed", len(list.Items))
		}
		return err
	})
}

// timeLists records the median of several lists.
func (t *turn) timeLists(what string, list func() error) error {
	var took []time.Duration
	for range t.size.lists {
		began := time.Now()
		if err := list(); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	t.record(duration(what, load.Sorted(took).Percentile(50)))
	return nil
}

func readList(ctx context.Context, c rest.Interface, namespace, version string) error {
	request := c.Get().Namespace(namespace).Resource("pods")
	if version != "" {
		request.Param("resourceVersion", version)
	}
	body, err := request.Stream(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}
