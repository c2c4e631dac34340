package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// await returns when all nodes are ready, or when that cannot be because a process has ended.
func (f *Fleet) await(ctx context.Context, running []*process, say func(string)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, p := range running {
		go func() {
			select {
			case err := <-p.ended:
				cancel(p.failure(err))
			case <-ctx.Done():
			}
		}()
	}
	if err := f.awaitServer(ctx, running); err != nil {
		return because(ctx, err)
	}
	if err := f.writeKubeconfig(); err != nil {
		return err
	}
	say("the API server is ready")
	c, err := f.client()
	if err != nil {
		return err
	}
	return because(ctx, awaitNodes(ctx, c, f.Spec.Nodes, say))
}

// because prefers what ended the wait to what the waiting says about that.
func because(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// awaitServer returns when the log of the first server says that it is ready.
func (f *Fleet) awaitServer(ctx context.Context, running []*process) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching the server's log: %w", err)
	}
	defer watcher.Close()
	for _, p := range running {
		if !strings.HasPrefix(p.name, server) {
			continue
		}
		if err := watcher.Add(p.log); err != nil {
			return fmt.Errorf("watching %s: %w", p.log, err)
		}
		for !p.isReady() {
			select {
			case <-watcher.Events:
			case err := <-watcher.Errors:
				return fmt.Errorf("watching %s: %w", p.log, err)
			case <-ctx.Done():
				return fmt.Errorf("waiting for the %s: %w", p.name, ctx.Err())
			}
		}
	}
	return nil
}

// isReady says whether the process has said so.
func (p *process) isReady() bool {
	data, err := os.ReadFile(p.log)
	return err == nil && int64(len(data)) > p.begin && strings.Contains("\n"+string(data[p.begin:]), "\nready in ")
}

// writeKubeconfig gives this machine the administrator's access that the first server made for its own.
func (f *Fleet) writeKubeconfig() error {
	first := f.node(1)
	config, err := clientcmd.LoadFromFile(first.path(server, "admin.kubeconfig"))
	if err != nil {
		return fmt.Errorf("reading the server's kubeconfig: %w", err)
	}
	for _, cluster := range config.Clusters {
		cluster.Server = first.url()
	}
	if err := clientcmd.WriteToFile(*config, f.Kubeconfig()); err != nil {
		return fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return nil
}

func (f *Fleet) client() (client.WithWatch, error) {
	config, err := clientcmd.BuildConfigFromFlags("", f.Kubeconfig())
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Node"), meta.RESTScopeRoot)
	return client.NewWithWatch(config, client.Options{Scheme: scheme, Mapper: mapper})
}

// awaitNodes returns when so many nodes are ready.
func awaitNodes(ctx context.Context, c client.WithWatch, wanted int, say func(string)) error {
	ready := map[string]bool{}
	for {
		watching, err := c.Watch(ctx, &corev1.NodeList{})
		if err != nil {
			return fmt.Errorf("watching nodes: %w", err)
		}
		for event := range watching.ResultChan() {
			node, ok := event.Object.(*corev1.Node)
			if !ok {
				continue
			}
			if now := isReady(node); now != ready[node.Name] {
				ready[node.Name] = now
				if now {
					say(node.Name + " is ready")
				} else {
					delete(ready, node.Name)
				}
			}
			if len(ready) == wanted {
				watching.Stop()
				return nil
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d nodes are ready: %w", len(ready), wanted, ctx.Err())
		}
	}
}

func isReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Progress tells steps to a writer with the time that has passed.
func Progress(begin time.Time, write func(string)) func(string) {
	return func(step string) { write(fmt.Sprintf("%6.2f s  %s\n", time.Since(begin).Seconds(), step)) }
}
