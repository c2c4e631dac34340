package deployment

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
)

// Annotations that a deployment keeps on itself and its replica sets.
const (
	revisionAnnotation = "deployment.kubernetes.io/revision"
	historyAnnotation  = "deployment.kubernetes.io/revision-history"
	desiredAnnotation  = "deployment.kubernetes.io/desired-replicas"
	maxAnnotation      = "deployment.kubernetes.io/max-replicas"
	rollbackAnnotation = "deprecated.deployment.rollback.to"
)

// sets are a deployment's replica sets: the one of its current template, if there is
// one, and all others, oldest first.
type sets struct {
	current *appsv1.ReplicaSet
	old     []*appsv1.ReplicaSet
	// due is what the current one is to be beside its size. It is written with that, or by flush. Nil when it was.
	due func(*appsv1.ReplicaSet)
}

func (s *sets) all() []*appsv1.ReplicaSet {
	if s.current == nil {
		return s.old
	}
	return append(slices.Clone(s.old), s.current)
}

// replace puts the written version of a set in the place of the one read.
func (s *sets) replace(written *appsv1.ReplicaSet) {
	if s.current != nil && s.current.UID == written.UID {
		s.current = written
		return
	}
	for i := range s.old {
		if s.old[i].UID == written.UID {
			s.old[i] = written
		}
	}
}

// split finds the current set: the oldest one whose template is the deployment's.
func split(d *appsv1.Deployment, owned []*appsv1.ReplicaSet) *sets {
	ordered := slices.Clone(owned)
	slices.SortStableFunc(ordered, olderFirst)
	out := &sets{}
	for _, rs := range ordered {
		if out.current == nil && sameTemplate(&rs.Spec.Template, &d.Spec.Template) {
			out.current = rs
			continue
		}
		out.old = append(out.old, rs)
	}
	return out
}

func olderFirst(a, b *appsv1.ReplicaSet) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
}

// sameTemplate compares templates without the hash label that only replica sets carry.
func sameTemplate(a, b *corev1.PodTemplateSpec) bool {
	return equality.Semantic.DeepEqual(withoutHash(a.Labels), withoutHash(b.Labels)) &&
		equality.Semantic.DeepEqual(a.Annotations, b.Annotations) &&
		equality.Semantic.DeepEqual(a.Spec, b.Spec) &&
		a.Name == b.Name && a.Namespace == b.Namespace && a.GenerateName == b.GenerateName &&
		equality.Semantic.DeepEqual(a.Finalizers, b.Finalizers)
}

func withoutHash(in map[string]string) map[string]string {
	out := maps.Clone(in)
	delete(out, appsv1.DefaultDeploymentUniqueLabelKey)
	if len(out) == 0 {
		return nil
	}
	return out
}

// templateHash names a template: the same template and collision count give the same
// name, on every machine.
func templateHash(template *corev1.PodTemplateSpec, collisions *int32) (string, error) {
	encoded, err := template.Marshal()
	if err != nil {
		return "", err
	}
	sum := fnv.New32a()
	_, _ = sum.Write(encoded)
	if collisions != nil {
		_, _ = sum.Write(strconv.AppendInt(nil, int64(*collisions), 10))
	}
	return rand.SafeEncodeString(strconv.FormatUint(uint64(sum.Sum32()), 10)), nil
}

// newSet returns the replica set of the deployment's template, without a size.
func newSet(d *appsv1.Deployment, hash string) *appsv1.ReplicaSet {
	template := d.Spec.Template.DeepCopy()
	template.Labels = withLabel(template.Labels, hash)
	selector := d.Spec.Selector.DeepCopy()
	selector.MatchLabels = withLabel(selector.MatchLabels, hash)
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name:            d.Name + "-" + hash,
			Namespace:       d.Namespace,
			Labels:          maps.Clone(template.Labels),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, kind)},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas:        ptr.To[int32](0),
			MinReadySeconds: d.Spec.MinReadySeconds,
			Selector:        selector,
			Template:        *template,
		},
	}
}

func withLabel(in map[string]string, hash string) map[string]string {
	out := maps.Clone(in)
	if out == nil {
		out = map[string]string{}
	}
	out[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	return out
}

// ownAnnotations are not passed from a deployment to its replica sets.
var ownAnnotations = []string{
	corev1.LastAppliedConfigAnnotation, revisionAnnotation, historyAnnotation,
	desiredAnnotation, maxAnnotation, rollbackAnnotation,
}

// annotate sets on rs the deployment's annotations and its revision. A set that comes
// back from an older revision remembers that one in its history.
func annotate(rs *appsv1.ReplicaSet, d *appsv1.Deployment, revision int64) {
	if rs.Annotations == nil {
		rs.Annotations = map[string]string{}
	}
	for key, value := range d.Annotations {
		if !slices.Contains(ownAnnotations, key) {
			rs.Annotations[key] = value
		}
	}
	had, err := strconv.ParseInt(rs.Annotations[revisionAnnotation], 10, 64)
	if err != nil {
		had = 0
	}
	if had >= revision {
		return
	}
	if had > 0 {
		history := rs.Annotations[historyAnnotation]
		entry := strconv.FormatInt(had, 10)
		if history != "" {
			entry = history + "," + entry
		}
		rs.Annotations[historyAnnotation] = trimHistory(entry)
	}
	rs.Annotations[revisionAnnotation] = strconv.FormatInt(revision, 10)
}

// annotateRevision copies the current set's revision to the deployment.
func annotateRevision(d *appsv1.Deployment, current *appsv1.ReplicaSet) {
	if current == nil {
		return
	}
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[revisionAnnotation] = strconv.FormatInt(revisionOf(current), 10)
}

// maxHistory bounds the history annotation, in bytes.
const maxHistory = 2000

func trimHistory(history string) string {
	for len(history) > maxHistory {
		_, rest, found := strings.Cut(history, ",")
		if !found {
			return ""
		}
		history = rest
	}
	return history
}

// annotateSize records for which size of the deployment the set was last scaled.
func annotateSize(rs *appsv1.ReplicaSet, d *appsv1.Deployment) {
	if rs.Annotations == nil {
		rs.Annotations = map[string]string{}
	}
	desired := replicas(d)
	rs.Annotations[desiredAnnotation] = strconv.FormatInt(int64(desired), 10)
	rs.Annotations[maxAnnotation] = strconv.FormatInt(int64(desired+maxSurge(d)), 10)
}

// annotatedInt reads a number that annotateSize wrote.
func annotatedInt(rs *appsv1.ReplicaSet, key string) (int32, bool) {
	n, err := strconv.ParseInt(rs.Annotations[key], 10, 32)
	if err != nil {
		return 0, false
	}
	return int32(n), true
}

// revisionOf is the set's revision, zero when it has none.
func revisionOf(rs *appsv1.ReplicaSet) int64 {
	n, err := strconv.ParseInt(rs.Annotations[revisionAnnotation], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// nextRevision is one above the highest among the old sets.
func nextRevision(old []*appsv1.ReplicaSet) int64 {
	highest := int64(0)
	for _, rs := range old {
		highest = max(highest, revisionOf(rs))
	}
	return highest + 1
}

func replicas(d *appsv1.Deployment) int32     { return ptr.Deref(d.Spec.Replicas, 1) }
func setReplicas(rs *appsv1.ReplicaSet) int32 { return ptr.Deref(rs.Spec.Replicas, 1) }

func total(sets []*appsv1.ReplicaSet, count func(*appsv1.ReplicaSet) int32) int32 {
	sum := int32(0)
	for _, rs := range sets {
		sum += count(rs)
	}
	return sum
}

func available(rs *appsv1.ReplicaSet) int32 { return rs.Status.AvailableReplicas }
