package inprocess

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientmetrics "k8s.io/client-go/tools/metrics"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// Client is a client that takes a shorter way for what parts of the process write all the time: objects of built-in kinds that
// are created, updated or patched as a whole or in a part, without options. The request is the one that client-go would make, and
// so is the answer, but it is put together here: client-go's way through builders, encoders, a http.Client and its transports
// takes a third as long as the write itself. Everything else goes that way, and so does again what the server asks to be tried later.
type Client struct {
	client.Client
	Transport *Transport

	endpoints sync.Map // reflect.Type -> *endpoint
}

var _ client.Client = &Client{}

// endpoint is where objects of a type are served.
type endpoint struct {
	kind       schema.GroupVersionKind
	prefix     string // /api/v1 or /apis/GROUP/VERSION
	resource   string
	namespaced bool
}

// endpoint is nil for what goes the long way.
func (c *Client) endpoint(obj client.Object) *endpoint {
	key := reflect.TypeOf(obj)
	if known, ok := c.endpoints.Load(key); ok {
		return known.(*endpoint)
	}
	found := c.findEndpoint(obj)
	if found != nil {
		c.endpoints.Store(key, found)
	}
	return found
}

func (c *Client) findEndpoint(obj client.Object) *endpoint {
	if _, partial := obj.(*metav1.PartialObjectMetadata); partial || !codec.HasProtobuf(obj) {
		return nil
	}
	kinds, unversioned, err := c.Scheme().ObjectKinds(obj)
	if err != nil || unversioned || len(kinds) != 1 {
		return nil
	}
	mapping, err := c.RESTMapper().RESTMapping(kinds[0].GroupKind(), kinds[0].Version)
	if err != nil {
		return nil
	}
	prefix := "/apis/" + kinds[0].Group + "/" + kinds[0].Version
	if kinds[0].Group == "" {
		prefix = "/api/" + kinds[0].Version
	}
	return &endpoint{kinds[0], prefix, mapping.Resource.Resource, mapping.Scope.Name() == meta.RESTScopeNameNamespace}
}

// path of an object, or of a part of it; of all objects without a name. It is empty where a name would have to be escaped.
func (e *endpoint) path(namespace, name, part string) string {
	path := e.prefix
	if e.namespaced {
		if !plain(namespace) {
			return ""
		}
		path += "/namespaces/" + namespace
	}
	path += "/" + e.resource
	if name != "" {
		if !plain(name) {
			return ""
		}
		path += "/" + name
	}
	if part != "" {
		path += "/" + part
	}
	return path
}

// plain says whether a name stands for itself in a path.
func plain(name string) bool {
	if name == "" || name[0] == '.' {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && c != '-' && c != '.' && c != ':' {
			return false
		}
	}
	return true
}

// Create implements client.Client.
func (c *Client) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	if len(opts) == 0 {
		if at := c.endpoint(obj); at != nil {
			if done, err := c.sendObject(ctx, http.MethodPost, at.path(obj.GetNamespace(), "", ""), obj, at.kind); done {
				return err
			}
		}
	}
	return c.Client.Create(ctx, obj, opts...)
}

// Update implements client.Client.
func (c *Client) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if len(opts) == 0 && obj.GetName() != "" {
		if at := c.endpoint(obj); at != nil {
			if done, err := c.sendObject(ctx, http.MethodPut, at.path(obj.GetNamespace(), obj.GetName(), ""), obj, at.kind); done {
				return err
			}
		}
	}
	return c.Client.Update(ctx, obj, opts...)
}

// Patch implements client.Client.
func (c *Client) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	if len(opts) == 0 {
		if done, err := c.sendPatch(ctx, obj, patch, ""); done {
			return err
		}
	}
	return c.Client.Patch(ctx, obj, patch, opts...)
}

// Status implements client.Client.
func (c *Client) Status() client.SubResourceWriter { return c.SubResource("status") }

// SubResource implements client.Client.
func (c *Client) SubResource(name string) client.SubResourceClient {
	return &part{SubResourceClient: c.Client.SubResource(name), client: c, name: name}
}

// part is a client of a part of objects.
type part struct {
	client.SubResourceClient
	client *Client
	name   string
}

// Create implements client.SubResourceClient.
func (p *part) Create(ctx context.Context, obj, sub client.Object, opts ...client.SubResourceCreateOption) error {
	at, of := p.client.endpoint(obj), kindOf(p.client.Scheme(), sub)
	if len(opts) == 0 && at != nil && !of.Empty() && obj.GetName() != "" {
		if done, err := p.client.sendObject(ctx, http.MethodPost, at.path(obj.GetNamespace(), obj.GetName(), p.name), sub, of); done {
			return err
		}
	}
	return p.SubResourceClient.Create(ctx, obj, sub, opts...)
}

// kindOf is empty for what has no protobuf, or several kinds.
func kindOf(scheme *runtime.Scheme, obj client.Object) schema.GroupVersionKind {
	if !codec.HasProtobuf(obj) {
		return schema.GroupVersionKind{}
	}
	kinds, unversioned, err := scheme.ObjectKinds(obj)
	if err != nil || unversioned || len(kinds) != 1 {
		return schema.GroupVersionKind{}
	}
	return kinds[0]
}

// Update implements client.SubResourceClient.
func (p *part) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	if len(opts) == 0 && obj.GetName() != "" {
		if at := p.client.endpoint(obj); at != nil {
			if done, err := p.client.sendObject(ctx, http.MethodPut, at.path(obj.GetNamespace(), obj.GetName(), p.name), obj, at.kind); done {
				return err
			}
		}
	}
	return p.SubResourceClient.Update(ctx, obj, opts...)
}

// Patch implements client.SubResourceClient.
func (p *part) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	if len(opts) == 0 {
		if done, err := p.client.sendPatch(ctx, obj, patch, p.name); done {
			return err
		}
	}
	return p.SubResourceClient.Patch(ctx, obj, patch, opts...)
}

// sendObject sends an object of a kind, and reads the answer into it. It is not done if the long way has to be gone.
func (c *Client) sendObject(ctx context.Context, method, path string, obj client.Object, kind schema.GroupVersionKind) (done bool, err error) {
	if path == "" {
		return false, nil
	}
	said := obj.GetObjectKind().GroupVersionKind()
	obj.GetObjectKind().SetGroupVersionKind(kind)
	body, err := codec.Encode(obj, codec.Protobuf)
	obj.GetObjectKind().SetGroupVersionKind(said)
	if err != nil {
		return false, nil //nolint:nilerr // the long way says so
	}
	return c.send(ctx, sending{method: method, path: path, media: runtime.ContentTypeProtobuf, body: body, into: obj, kind: kind})
}

// sendPatch sends a patch of an object or a part of it, and reads what has become of it into the object.
func (c *Client) sendPatch(ctx context.Context, obj client.Object, patch client.Patch, part string) (done bool, err error) {
	at := c.endpoint(obj)
	if at == nil || obj.GetName() == "" || patch.Type() != types.MergePatchType && patch.Type() != types.StrategicMergePatchType && patch.Type() != types.JSONPatchType {
		return false, nil
	}
	path := at.path(obj.GetNamespace(), obj.GetName(), part)
	if path == "" {
		return false, nil
	}
	body, err := patch.Data(obj)
	if err != nil {
		return true, err
	}
	return c.send(ctx, sending{method: http.MethodPatch, path: path, media: string(patch.Type()), body: body, into: obj, kind: at.kind})
}

// sending is a request, and what its answer is read into.
type sending struct {
	method, path, media string
	body                []byte
	into                client.Object
	kind                schema.GroupVersionKind
}

func (c *Client) send(ctx context.Context, s sending) (done bool, err error) {
	calling := ctx
	if c.Transport.User != nil {
		calling = auth.WithUser(calling, c.Transport.User)
	}
	request := (&http.Request{
		Method: s.method, URL: &url.URL{Scheme: "http", Host: host, Path: s.path}, Host: host, RequestURI: s.path, RemoteAddr: nowhere,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Accept": {runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON}, "Content-Type": {s.media}, "User-Agent": {c.Transport.UserAgent}},
		ContentLength: int64(len(s.body)), Body: io.NopCloser(bytes.NewReader(s.body)),
	}).WithContext(calling)
	answer, began := &wholeResponse{header: http.Header{}}, time.Now()
	if answer.run(c.Transport.Handler, request) {
		return true, fmt.Errorf("calling %s %s: %w", s.method, s.path, http.ErrAbortHandler)
	}
	if answer.code == 0 {
		if err := ctx.Err(); err != nil {
			return true, err
		}
		answer.code = http.StatusOK
	}
	if answer.header.Get("Retry-After") != "" {
		return false, nil
	}
	clientmetrics.RequestLatency.Observe(ctx, s.method, *request.URL, time.Since(began))
	clientmetrics.RequestResult.Increment(ctx, strconv.Itoa(answer.code), s.method, host)
	return true, s.read(answer)
}

// host names no machine: nothing listens there.
const host = "coxswain"

// nowhere is the address of those that call in memory.
const nowhere = "127.0.0.1:0"

// read returns the error that an answer is, or reads it into the object, whose kind it leaves as it was. What answers with
// something else, as bindings do with a Status, leaves the object as it was.
func (s sending) read(answer *wholeResponse) error {
	data := answer.body.Bytes()
	if answer.code < http.StatusOK || answer.code > http.StatusPartialContent {
		status := &metav1.Status{}
		if kind, err := codec.DecodeStored(data, status); err != nil || kind.Kind != "Status" || status.Status != metav1.StatusFailure {
			return apierrors.NewGenericServerResponse(answer.code, s.method, schema.GroupResource{Group: s.kind.Group, Resource: s.kind.Kind}, s.into.GetName(), string(data), 0, true)
		}
		return apierrors.FromObject(status)
	}
	kind, err := codec.PeekKind(data)
	if err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w", s.method, s.path, err)
	}
	if kind != s.kind {
		return nil
	}
	said := s.into.GetObjectKind().GroupVersionKind()
	codec.Clear(s.into)
	if _, err := codec.DecodeStored(data, s.into); err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w", s.method, s.path, err)
	}
	s.into.GetObjectKind().SetGroupVersionKind(said)
	return nil
}
