package inprocess

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	clientmetrics "k8s.io/client-go/tools/metrics"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// stub notes requests and gives one answer to all.
type stub struct {
	seen   []string
	code   int
	answer runtime.Object
	later  int // how many it asks to come back
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	if s.later > 0 {
		s.later--
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	header := slices.Sorted(maps.Keys(r.Header))
	s.seen = append(s.seen, fmt.Sprintf("%s %s %v %v %d %s %s", r.Method, r.RequestURI, header, r.Header, r.ContentLength, r.Host, body))
	data, err := codec.Encode(s.answer, codec.Protobuf)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
	w.WriteHeader(s.code)
	if _, err := w.Write(data); err != nil {
		panic(err)
	}
}

// twoWays returns the client and the long way that it goes by otherwise.
func twoWays(t *testing.T, handler http.Handler) (short, long client.Client) {
	t.Helper()
	transport := &Transport{Handler: handler, UserAgent: "tester"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{corev1.SchemeGroupVersion})
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Node"), meta.RESTScopeRoot)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Binding"), meta.RESTScopeNamespace)
	made, err := client.New(&rest.Config{
		Host: "http://coxswain", QPS: -1, Transport: transport, UserAgent: "tester",
		ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeProtobuf, AcceptContentTypes: runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON},
	}, client.Options{Scheme: clientscheme.Scheme, Mapper: mapper, HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return &Client{Client: made, Transport: transport}, made
}

func pod() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: map[string]string{"a": "b"}}, Spec: corev1.PodSpec{NodeName: "n"}}
}

// Both ways ask for the same and understand the same.
func TestShortWayIsTheLongWay(t *testing.T) {
	ctx := context.Background()
	stored := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", ResourceVersion: "9"}}
	success := &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess, Code: http.StatusCreated}
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, "web", fmt.Errorf("it was changed")).ErrStatus
	conflict.TypeMeta = success.TypeMeta
	label := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"c":"d"}}}`))
	type write func(c client.Client, obj *corev1.Pod) error
	for name, test := range map[string]struct {
		code   int
		answer runtime.Object
		write  write
	}{
		"create":          {201, stored, func(c client.Client, p *corev1.Pod) error { return c.Create(ctx, p) }},
		"update":          {200, stored, func(c client.Client, p *corev1.Pod) error { return c.Update(ctx, p) }},
		"patch":           {200, stored, func(c client.Client, p *corev1.Pod) error { return c.Patch(ctx, p, label) }},
		"update status":   {200, stored, func(c client.Client, p *corev1.Pod) error { return c.Status().Update(ctx, p) }},
		"patch status":    {200, stored, func(c client.Client, p *corev1.Pod) error { return c.Status().Patch(ctx, p, label) }},
		"with an option":  {201, stored, func(c client.Client, p *corev1.Pod) error { return c.Create(ctx, p, client.DryRunAll) }},
		"conflict":        {409, &conflict, func(c client.Client, p *corev1.Pod) error { return c.Update(ctx, p) }},
		"no namespace":    {201, stored, func(c client.Client, p *corev1.Pod) error { p.Namespace = ""; return c.Create(ctx, p) }},
		"no name":         {200, stored, func(c client.Client, p *corev1.Pod) error { p.Name = ""; return c.Update(ctx, p) }},
		"a name to quote": {200, stored, func(c client.Client, p *corev1.Pod) error { p.Name = "a%b"; return c.Update(ctx, p) }},
		"bind": {201, success, func(c client.Client, p *corev1.Pod) error {
			binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: "n"}}
			return c.SubResource("binding").Create(ctx, p, binding)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			handler := &stub{code: test.code, answer: test.answer}
			short, long := twoWays(t, handler)
			a, b := pod(), pod()
			errA, errB := test.write(short, a), test.write(long, b)
			if diff := cmp.Diff(fmt.Sprintf("%v %v", apierrors.ReasonForError(errB), errB), fmt.Sprintf("%v %v", apierrors.ReasonForError(errA), errA)); diff != "" {
				t.Errorf("error, -long +short:\n%s", diff)
			}
			if diff := cmp.Diff(b, a); diff != "" {
				t.Errorf("object, -long +short:\n%s", diff)
			}
			if len(handler.seen)%2 != 0 {
				t.Fatalf("%d requests", len(handler.seen))
			}
			half := len(handler.seen) / 2
			if diff := cmp.Diff(handler.seen[half:], handler.seen[:half]); diff != "" {
				t.Errorf("requests, -long +short:\n%s", diff)
			}
		})
	}
}

// measured notes of what client-go's hooks are told how long it took.
type measured struct{ told []string }

func (m *measured) Observe(_ context.Context, verb string, u url.URL, _ time.Duration) {
	m.told = append(m.told, verb+" "+u.Host)
}

func TestHowLongBothWaysTakeIsTold(t *testing.T) {
	stored := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	short, long := twoWays(t, &stub{code: http.StatusOK, answer: stored})
	noted, others := &measured{}, clientmetrics.RequestLatency
	clientmetrics.RequestLatency = noted
	defer func() { clientmetrics.RequestLatency = others }()
	for _, c := range []client.Client{short, long} {
		if err := c.Update(t.Context(), pod()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"PUT coxswain", "PUT coxswain"}, noted.told); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWhatShallBeTriedLaterIsTriedAgain(t *testing.T) {
	handler := &stub{code: 201, answer: &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: "web"}}, later: 2}
	short, _ := twoWays(t, handler)
	if err := short.Create(context.Background(), pod()); err != nil || len(handler.seen) != 1 {
		t.Errorf("%v after %d requests", err, len(handler.seen))
	}
}

// What a write costs beside the handler.
func BenchmarkWrite(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		data, err := codec.Encode(&metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusSuccess}, codec.Protobuf)
		if err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
		w.WriteHeader(http.StatusCreated)
		if _, err := w.Write(data); err != nil {
			b.Error(err)
		}
	})
	transport := &Transport{Handler: handler, UserAgent: "tester"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{corev1.SchemeGroupVersion})
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
	long, err := client.New(&rest.Config{Host: "http://coxswain", QPS: -1, Transport: transport, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeProtobuf}},
		client.Options{Scheme: clientscheme.Scheme, Mapper: mapper, HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]client.Client{"short": &Client{Client: long, Transport: transport}, "long": long} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Target: corev1.ObjectReference{Kind: "Node", Name: "n"}}
				if err := c.SubResource("binding").Create(context.Background(), pod(), binding); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
