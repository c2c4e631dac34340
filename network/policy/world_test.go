package policy

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/test/netns"
)

// world is a node with three pods and a machine outside. All serve on ports 8080 and 9090 and, the node, names on 40053.
//
//	outside 192.168.50.2 ── node 192.168.50.1 ── pods shop/a, shop/b, tools/c
type world struct {
	t             *testing.T
	node, outside *netns.Namespace
	pods          map[string]*netns.Namespace
	store         *store
}

const (
	nodeIP    = "192.168.50.1"
	outsideIP = "192.168.50.2"
)

func newWorld(t *testing.T) *world {
	w := &world{t: t, node: netns.New(t, "node"), outside: netns.New(t, "outside"), pods: map[string]*netns.Namespace{}, store: newStore()}
	w.node.Sysctl(t, "net/ipv4/ip_forward", "1")
	w.node.Sysctl(t, "net/ipv6/conf/all/forwarding", "1")
	w.node.Connect(t, w.outside, "out", []string{nodeIP + "/24", "fd50::1/64"}, []string{outsideIP + "/24", "fd50::2/64"})
	w.outside.Route(t, "10.42.0.0/16", "eth0", nodeIP)
	w.outside.Route(t, "fd42::/16", "eth0", "fd50::1")
	for _, ns := range []string{"shop", "tools", "kube-system"} {
		w.store.set(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: map[string]string{"name": ns}}})
	}
	for i, name := range []string{"a", "b", "c"} {
		w.addPod(i+1, name, map[bool]string{true: "tools", false: "shop"}[name == "c"])
	}
	serve(t, w.node, "tcp", 8080)
	serve(t, w.node, "udp", 40053) // on one address: the reply must come from it
	serve(t, w.outside, "tcp", 8080)
	e := &Enforcer{Cache: w.store, NodeName: "here"}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.node.Try(func() error { return e.Run(ctx) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("enforcing: %v", err)
		}
	})
	return w
}

func (w *world) addPod(number int, name, namespace string) {
	pod := netns.New(w.t, name)
	w.pods[name] = pod
	w.node.Connect(w.t, pod, "pod-"+name,
		[]string{fmt.Sprintf("10.42.%d.1/24", number), fmt.Sprintf("fd42:%d::1/64", number)},
		[]string{fmt.Sprintf("10.42.%d.2/24", number), fmt.Sprintf("fd42:%d::2/64", number)})
	pod.Route(w.t, "0.0.0.0/0", "eth0", fmt.Sprintf("10.42.%d.1", number))
	pod.Route(w.t, "::/0", "eth0", fmt.Sprintf("fd42:%d::1", number))
	for _, port := range []int{8080, 9090} {
		serve(w.t, pod, "tcp", port)
	}
	w.publish(name, namespace, number, nil)
}

// publish writes a pod with the label name and the given others.
func (w *world) publish(name, namespace string, number int, more map[string]string) {
	set := map[string]string{"name": name}
	for k, v := range more {
		set[k] = v
	}
	w.store.set(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: set},
		Spec:       corev1.PodSpec{NodeName: "here", Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{
			{IP: fmt.Sprintf("10.42.%d.2", number)}, {IP: fmt.Sprintf("fd42:%d::2", number)},
		}},
	})
}

func podIP(name string, port int) string {
	return fmt.Sprintf("10.42.%d.2:%d", 1+int(name[0]-'a'), port)
}

func podIP6(name string, port int) string {
	return fmt.Sprintf("[fd42:%d::2]:%d", 1+int(name[0]-'a'), port)
}

// reaches waits until from reaches the address; blocked until it does not.
func (w *world) reaches(from *netns.Namespace, addresses ...string) {
	w.t.Helper()
	w.eventually(from, true, addresses)
}

func (w *world) blocked(from *netns.Namespace, addresses ...string) {
	w.t.Helper()
	w.eventually(from, false, addresses)
}

func (w *world) eventually(from *netns.Namespace, want bool, addresses []string) {
	w.t.Helper()
	for _, address := range addresses {
		var err error
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			if err = dial(from, address); (err == nil) == want {
				break
			}
		}
		if (err == nil) != want {
			w.t.Errorf("from %s to %s: %v, want it to get through: %t", from.Name, address, err, want)
		}
	}
}

// dial asks a server; "udp://" before the address chooses the protocol.
func dial(from *netns.Namespace, address string) error {
	network := "tcp"
	if rest, ok := strings.CutPrefix(address, "udp://"); ok {
		network, address = "udp", rest
	}
	return from.Try(func() error {
		c, err := net.DialTimeout(network, address, 100*time.Millisecond)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		if err := c.SetDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(c, "hello"); err != nil {
			return err
		}
		_, err = bufio.NewReader(c).ReadString('\n')
		return err
	})
}

// serve echoes a line.
func serve(t *testing.T, ns *netns.Namespace, network string, port int) {
	address := fmt.Sprintf(":%d", port)
	if network == "udp" {
		var p net.PacketConn
		ns.Do(t, func() (err error) {
			p, err = net.ListenPacket("udp", nodeIP+address)
			return err
		})
		t.Cleanup(func() { _ = p.Close() })
		go func() {
			buffer := make([]byte, 100)
			for {
				n, from, err := p.ReadFrom(buffer)
				if err != nil {
					return
				}
				_, _ = p.WriteTo(buffer[:n], from)
			}
		}()
		return
	}
	var l net.Listener
	ns.Do(t, func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	})
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				lines := bufio.NewScanner(c)
				for lines.Scan() {
					_, _ = fmt.Fprintln(c, lines.Text())
				}
			}()
		}
	}()
}

// store is a cache whose informers tell newcomers what there is.
type store struct {
	cache.Cache

	mu       sync.Mutex
	objects  map[reflect.Type]map[client.ObjectKey]client.Object
	handlers map[reflect.Type][]toolscache.ResourceEventHandler
}

func newStore() *store {
	return &store{objects: map[reflect.Type]map[client.ObjectKey]client.Object{}, handlers: map[reflect.Type][]toolscache.ResourceEventHandler{}}
}

func (s *store) GetInformer(_ context.Context, o client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	return informer{s: s, kind: reflect.TypeOf(o)}, nil
}

func (s *store) set(o client.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, key := reflect.TypeOf(o), client.ObjectKeyFromObject(o)
	if s.objects[kind] == nil {
		s.objects[kind] = map[client.ObjectKey]client.Object{}
	}
	old, ok := s.objects[kind][key]
	s.objects[kind][key] = o
	for _, h := range s.handlers[kind] {
		if ok {
			h.OnUpdate(old, o)
		} else {
			h.OnAdd(o, false)
		}
	}
}

func (s *store) remove(o client.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := reflect.TypeOf(o)
	delete(s.objects[kind], client.ObjectKeyFromObject(o))
	for _, h := range s.handlers[kind] {
		h.OnDelete(o)
	}
}

func (s *store) watchers(o client.Object) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.handlers[reflect.TypeOf(o)])
}

type informer struct {
	cache.Informer
	s    *store
	kind reflect.Type
}

type registration struct {
	toolscache.ResourceEventHandlerRegistration
}

func (registration) HasSynced() bool { return true }

func (i informer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	i.s.handlers[i.kind] = append(i.s.handlers[i.kind], h)
	for _, o := range i.s.objects[i.kind] {
		h.OnAdd(o, true)
	}
	return registration{}, nil
}

func (informer) RemoveEventHandler(toolscache.ResourceEventHandlerRegistration) error { return nil }
