package revision

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// HashLabel is the label of pods that names their revision, and that of a daemon set's revisions.
const HashLabel = appsv1.ControllerRevisionHashLabelKey

// History keeps the revisions of owners.
type History struct {
	Client  client.Client
	Claimer podcontrol.Claimer
}

// Wanted is the template that an owner wants now.
type Wanted struct {
	Owner    podcontrol.Owner
	Template *corev1.PodTemplateSpec
	// Label of the revision that has its hash.
	Label string
	// Collisions is the owner's collision count, part of the revision's name.
	Collisions *int32
}

// data is a template as a strategic merge patch of its owner, as clients roll back with.
func data(template *corev1.PodTemplateSpec) ([]byte, error) {
	encoded, err := json.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("encoding template: %w", err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(encoded, &fields); err != nil {
		return nil, fmt.Errorf("encoding template: %w", err)
	}
	fields["$patch"] = "replace"
	return json.Marshal(map[string]any{"spec": map[string]any{"template": fields}})
}

// Template returns the template that a revision holds.
func Template(rev *appsv1.ControllerRevision) (*corev1.PodTemplateSpec, error) {
	var out struct {
		Spec struct {
			Template corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(rev.Data.Raw, &out); err != nil {
		return nil, fmt.Errorf("decoding revision %s: %w", rev.Name, err)
	}
	return &out.Spec.Template, nil
}

// Current returns the revision of a template, which it creates or moves to the end of the
// history as needed, and the older ones, oldest first. For an owner that is being deleted it makes none.
func (h *History) Current(ctx context.Context, want Wanted) (*appsv1.ControllerRevision, []*appsv1.ControllerRevision, error) {
	all, err := h.Claimer.ControllerRevisions(ctx, want.Owner)
	if err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(all, func(a, b *appsv1.ControllerRevision) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision), a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	raw, err := data(want.Template)
	if err != nil {
		return nil, nil, err
	}
	at, next := place(all, raw)
	if at < 0 {
		created, err := h.create(ctx, want, raw, next)
		return created, all, err
	}
	found := all[at]
	old := slices.Delete(slices.Clone(all), at, at+1)
	if found.Revision >= next {
		return found, old, nil
	}
	moved, _, err := patch.Object(ctx, h.Client, found, func(changed *appsv1.ControllerRevision) { changed.Revision = next })
	return moved, old, err
}

// place finds the first revision of the template, or -1, and the number that stands behind those of all other templates.
// Somebody may have made a second one of the same template: that is no reason to count on.
func place(all []*appsv1.ControllerRevision, raw []byte) (at int, next int64) {
	at, next = -1, 1
	for i, rev := range all {
		switch {
		case !sameData(rev.Data.Raw, raw):
			next = max(next, rev.Revision+1)
		case at < 0:
			at = i
		}
	}
	return at, next
}

// sameData compares revisions however they are spelled.
func sameData(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	canonical := func(in []byte) []byte {
		var value any
		if json.Unmarshal(in, &value) != nil {
			return in
		}
		out, err := json.Marshal(value)
		if err != nil {
			return in
		}
		return out
	}
	return bytes.Equal(canonical(a), canonical(b))
}

func (h *History) create(ctx context.Context, want Wanted, raw []byte, number int64) (*appsv1.ControllerRevision, error) {
	owner := want.Owner
	sum := fnv.New32a()
	_, _ = sum.Write(raw)
	if want.Collisions != nil {
		_, _ = sum.Write(strconv.AppendInt(nil, int64(*want.Collisions), 10))
	}
	hash := rand.SafeEncodeString(strconv.FormatUint(uint64(sum.Sum32()), 10))
	labels := maps.Clone(want.Template.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[want.Label] = hash
	name := owner.Object.GetName()
	rev := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: owner.Object.GetNamespace(), Name: name[:min(len(name), 223)] + "-" + hash, Labels: labels,
			Annotations: ownAnnotations(owner.Object), OwnerReferences: []metav1.OwnerReference{owner.Reference()},
		},
		Data: runtime.RawExtension{Raw: raw}, Revision: number,
	}
	if owner.Object.GetDeletionTimestamp() != nil {
		return rev, nil // a name for the status; the collector takes what there was
	}
	err := h.Client.Create(ctx, rev)
	if apierrors.IsAlreadyExists(err) {
		found := &appsv1.ControllerRevision{}
		if err := h.Claimer.Live.Get(ctx, client.ObjectKeyFromObject(rev), found); err != nil {
			return nil, fmt.Errorf("reading revision: %w", err)
		}
		if metav1.IsControlledBy(found, owner.Object) && sameData(found.Data.Raw, raw) {
			return found, nil
		}
		return nil, ErrCollision
	}
	if err != nil {
		return nil, fmt.Errorf("creating revision: %w", err)
	}
	return rev, nil
}

// ErrCollision says that another template has the revision's name: the owner counts its
// collision count up and tries again.
var ErrCollision = errors.New("revision name is taken by another template")

// ownAnnotations are passed to a revision: kubectl shows the change cause of each.
func ownAnnotations(obj client.Object) map[string]string {
	out := maps.Clone(obj.GetAnnotations())
	delete(out, corev1.LastAppliedConfigAnnotation)
	return out
}

// Truncate deletes the oldest of old beyond limit that no pod uses.
func (h *History) Truncate(ctx context.Context, old []*appsv1.ControllerRevision, limit *int32, inUse func(*appsv1.ControllerRevision) bool) error {
	var unused []*appsv1.ControllerRevision
	for _, rev := range old {
		if !inUse(rev) && rev.DeletionTimestamp == nil {
			unused = append(unused, rev)
		}
	}
	excess := len(unused) - int(max(ptr.Deref(limit, 10), 0))
	for _, rev := range unused[:max(excess, 0)] {
		if err := client.IgnoreNotFound(h.Client.Delete(ctx, rev, client.Preconditions{UID: &rev.UID})); err != nil {
			return fmt.Errorf("deleting revision %s: %w", rev.Name, err)
		}
	}
	return nil
}
