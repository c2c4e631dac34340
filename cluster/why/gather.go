package why

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler"
)

// Reader reads facts as whom Config says. What it may not read is left out, the pod itself apart.
type Reader struct {
	Client client.Client
	Config *rest.Config
	// SchedulerPath is what the scheduler's explanations are served below.
	SchedulerPath string
}

// maxAnswer bounds what is read of logs and explanations.
const maxAnswer = 64 << 20

// Pod gathers the facts of one pod.
func (r *Reader) Pod(ctx context.Context, key client.ObjectKey) (*Facts, error) {
	f := &Facts{Now: metav1.NewTime(time.Now())}
	if err := r.Client.Get(ctx, key, &f.Pod); err != nil {
		return nil, fmt.Errorf("reading the pod: %w", err)
	}
	f.Events = r.events(ctx, key.Namespace, f.Pod.UID)
	r.readNode(ctx, f)
	r.readClaims(ctx, f)
	r.readOwner(ctx, f)
	r.readBudgets(ctx, f)
	if name, previous := crashed(&f.Pod); name != "" {
		if text, err := r.logs(ctx, key, name, previous); err == nil {
			f.Logs = map[string]string{name: text}
		}
	}
	if f.Pod.Spec.NodeName == "" && f.Pod.DeletionTimestamp == nil {
		explanation := &scheduler.Explanation{}
		data, err := r.get(ctx, r.SchedulerPath+key.Namespace+"/pods/"+key.Name, nil)
		if err == nil {
			err = json.Unmarshal(data, explanation)
		}
		if f.Scheduler = explanation; err != nil {
			f.Scheduler, f.SchedulerError = nil, err.Error()
		}
	}
	return f, nil
}

func (r *Reader) events(ctx context.Context, namespace string, about types.UID) []corev1.Event {
	found := &corev1.EventList{}
	if err := r.Client.List(ctx, found, client.InNamespace(namespace), client.MatchingFields{"involvedObject.uid": string(about)}); err != nil {
		return nil
	}
	return found.Items
}

func (r *Reader) readNode(ctx context.Context, f *Facts) {
	if f.Pod.Spec.NodeName == "" {
		return
	}
	node := &corev1.Node{}
	err := r.Client.Get(ctx, client.ObjectKey{Name: f.Pod.Spec.NodeName}, node)
	f.NodeGone = apierrors.IsNotFound(err)
	if err == nil {
		f.Node = node
	}
}

func (r *Reader) readClaims(ctx context.Context, f *Facts) {
	for _, volume := range f.Pod.Spec.Volumes {
		name := ""
		switch {
		case volume.PersistentVolumeClaim != nil:
			name = volume.PersistentVolumeClaim.ClaimName
		case volume.Ephemeral != nil:
			name = f.Pod.Name + "-" + volume.Name
		default:
			continue
		}
		claim := &corev1.PersistentVolumeClaim{}
		err := r.Client.Get(ctx, client.ObjectKey{Namespace: f.Pod.Namespace, Name: name}, claim)
		if apierrors.IsNotFound(err) {
			f.MissingClaims = append(f.MissingClaims, name)
		}
		if err != nil {
			continue
		}
		f.Claims = append(f.Claims, *claim)
		if claim.Status.Phase != corev1.ClaimBound {
			f.ClaimEvents = append(f.ClaimEvents, r.events(ctx, claim.Namespace, claim.UID)...)
		}
	}
}

func (r *Reader) readOwner(ctx context.Context, f *Facts) {
	ref := metav1.GetControllerOf(&f.Pod)
	if ref == nil {
		return
	}
	f.Owner = &Owner{Kind: ref.Kind, Name: ref.Name}
	found := &metav1.PartialObjectMetadata{}
	found.SetGroupVersionKind(schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind))
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: f.Pod.Namespace, Name: ref.Name}, found)
	f.Owner.Gone = apierrors.IsNotFound(err) || err == nil && found.UID != ref.UID
	f.Owner.Deleting = err == nil && found.DeletionTimestamp != nil
}

func (r *Reader) logs(ctx context.Context, pod client.ObjectKey, container string, previous bool) (string, error) {
	query := url.Values{"container": {container}, "previous": {strconv.FormatBool(previous)}, "tailLines": {strconv.Itoa(maxTail)}}
	data, err := r.get(ctx, "/api/v1/namespaces/"+pod.Namespace+"/pods/"+pod.Name+"/log", query)
	return string(data), err
}

// get reads a path of the server.
func (r *Reader) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	transport, err := rest.HTTPClientFor(r.Config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(r.Config)
	if err != nil {
		return nil, fmt.Errorf("reading the server's address: %w", err)
	}
	at := &url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimSuffix(r.prefix(), "/") + path, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := transport.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status + ": " + message(data))
	}
	return data, nil
}

// prefix is what stands before all paths of a server behind a proxy.
func (r *Reader) prefix() string {
	if at, err := url.Parse(r.Config.Host); err == nil {
		return at.Path
	}
	return ""
}

// message of an error, which is a Status or plain text.
func message(data []byte) string {
	status := &metav1.Status{}
	if json.Unmarshal(data, status) == nil && status.Message != "" {
		return status.Message
	}
	return oneLine(string(data))
}
