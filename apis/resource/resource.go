package resource

import (
	"context"
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Object is any stored API object.
type Object interface {
	metav1.Object
	runtime.Object
}

// Resource describes one resource of one group. All functions but those of a Version are given
// objects of the storage version. Every function may be nil, which means the behaviour its comment
// calls the default. No function may keep the objects it is given; only those that say so change them.
type Resource struct {
	Group      string   // "" for core
	Name       string   // plural, lower case: "pods"
	Singular   string   // "pod"
	Kind       string   // "Pod"
	ListKind   string   // default: the kind with List behind it
	ShortNames []string // "po"
	Categories []string // "all"
	Namespaced bool

	// Versions in order of preference. StorageVersion names the stored one; empty means the first.
	Versions       []Version
	StorageVersion string

	// StoragePrefix is the path below /registry/ as upstream has it, without slashes at its ends:
	// "pods", "services/specs", "minions", "apiregistration.k8s.io/apiservices".
	StoragePrefix string

	// StoredAPIVersion is the group and version of the stored form by which discovery names it (storageVersionHash), where upstream stores
	// another one than the storage version ("admissionregistration.k8s.io/v1beta1"). Here the storage version is written, which upstream reads too.
	StoredAPIVersion string
	// StoredAsJSON is set where upstream stores JSON in place of protobuf (the two kinds of extensions).
	StoredAsJSON bool

	// StoredIn is the row whose storage this one shares: events.k8s.io's events are core's events. Its
	// versions convert to the storage version of that row.
	StoredIn *Resource

	// Verbs that the main resource serves; nil means all of create, delete, deletecollection, get,
	// list, patch, update and watch. A resource with Virtual set is answered by a handler of the API
	// server and never stored (tokenreviews, subjectaccessreviews, componentstatuses).
	Verbs   []string
	Virtual bool

	// ValidateName returns what is wrong with a name; prefix is set for generateName. The default is
	// a DNS-1123 subdomain.
	ValidateName func(name string, prefix bool) []string

	// PrepareCreate and PrepareUpdate change obj before it is validated: they reset what a client may
	// not set (status on the main resource) and keep metadata.generation. The defaults do nothing:
	// use DropStatus-like closures and the helpers in generation.go.
	PrepareCreate func(ctx context.Context, obj Object)
	PrepareUpdate func(ctx context.Context, obj, old Object)

	// ResetFields are the paths that PrepareCreate and PrepareUpdate reset, so that nobody comes to own
	// them by a write of the main resource: {{"status"}}.
	ResetFields [][]string

	// Validate covers everything but metadata, which the server validates alike for all.
	// ValidateUpdate is called in place of Validate on update and includes its checks.
	Validate       func(ctx context.Context, obj Object) field.ErrorList
	ValidateUpdate func(ctx context.Context, obj, old Object) field.ErrorList

	// AnyFinalizers is set where an update may give an object finalizers of any name; a creation may not.
	AnyFinalizers bool

	// Canonicalize changes obj after validation, before it is stored (sorting, deduplicating).
	Canonicalize func(obj Object)

	// Share lets an object that nobody changes any more, for it is in the watch cache, use from one place in memory what most objects of
	// its kind have. What it reads as stays. May be nil.
	Share func(obj Object)

	// Warnings are sent to the client as Warning headers; old is nil on create.
	Warnings func(ctx context.Context, obj, old Object) []string
	// EarlyWarnings are sent with a creation before it is prepared, also when it is refused.
	EarlyWarnings func(obj Object) []string

	// AllowCreateOnUpdate lets PUT create; AllowUnconditionalUpdate lets an update come without a
	// resourceVersion.
	AllowCreateOnUpdate      bool
	AllowUnconditionalUpdate bool

	// GracePeriod returns the seconds that a deletion of obj waits; graceful is false when the object goes
	// at once. It is given the client's options. The default is not graceful.
	GracePeriod func(obj Object, options *metav1.DeleteOptions) (seconds int64, graceful bool)

	// OrphanByDefault is set where a deletion without a propagation policy leaves the dependents
	// (API comment of DeleteOptions.orphanDependents; only the oldest versions of some kinds).
	OrphanByDefault bool
	// OrphanWarning is sent with such a deletion, "" for none.
	OrphanWarning string

	// NoPropagation is set where the propagation policy of a deletion means nothing: nobody looks for dependents.
	NoPropagation bool

	// Governs is set where other requests are judged by objects of this kind (roles, limit ranges, webhooks): a write of one is answered
	// when this server judges by it.
	Governs bool

	// TTL after which an object vanishes by itself (events); 0 means never.
	TTL time.Duration

	// Columns of the table that kubectl shows; nil means Name and Created At. Cells returns one cell per
	// column; Conditions are those that hide a row by default (completed pods).
	Columns       []metav1.TableColumnDefinition
	Cells         func(obj Object, now time.Time) []any
	RowConditions func(obj Object) []metav1.TableRowCondition
	// RowOrder is the order of a table's lines; nil means that of the list.
	RowOrder func(a, b Object) int

	// SelectableFields beside metadata.name and metadata.namespace, which every resource has.
	// FieldNames lists the labels that Fields can return, so that others are refused.
	FieldNames []string
	Fields     func(obj Object) fields.Set
	// UnknownField is what is said of other fields, with %s or %q for the field; empty for what is said of most kinds. NoNamespaceField is
	// set where metadata.namespace is such a field.
	UnknownField     string
	NoNamespaceField bool

	// Subresources, "status" and "scale" among them.
	Subresources []Subresource
}

// Version is one served version of a resource.
type Version struct {
	Name    string // "v1"
	New     func() Object
	NewList func() runtime.Object

	// Default fills in defaults as the API comments of this version say. It changes obj. It is called after
	// decoding from the wire and from the store, and must be idempotent.
	Default func(obj Object)

	// ToStorage and FromStorage convert between this version and the storage version; nil where they
	// are one and the same type. They may share memory with their argument, and never change it.
	ToStorage   func(obj Object) (Object, error)
	FromStorage func(obj Object) (Object, error)

	// Deprecated is the warning sent with every answer, "" for none.
	Deprecated string
}

// Subresource is a path below an object. There are three shapes:
//   - a view that reads and writes the object itself (status, ephemeralcontainers, finalize, approval):
//     New is nil, and PrepareUpdate carries over from old all that the view may not change;
//   - a scale view: Scale is set;
//   - an action (binding, eviction, token, log, exec, proxy …): Action is true, New makes its body if
//     it has one, and the API server has a handler for it.
type Subresource struct {
	Name string // "status"
	// GroupVersionKind of its body where that is not the resource's own.
	GroupVersionKind schema.GroupVersionKind
	Verbs            []string // default get, patch, update for views
	New              func() runtime.Object
	Action           bool
	Scale            *Scale

	PrepareUpdate  func(ctx context.Context, obj, old Object)
	ResetFields    [][]string // as those of Resource, for a view
	ValidateUpdate func(ctx context.Context, obj, old Object) field.ErrorList
	Warnings       func(ctx context.Context, obj, old Object) []string
}

// NoReplicas is the count of an object that does not say how many it wants: what upstream's patches find there.
const NoReplicas = math.MinInt32

// Scale reads and writes a replica count in the storage version.
type Scale struct {
	Replicas       func(obj Object) (spec, status int32)
	SetReplicas    func(obj Object, replicas int32)
	Path           []string                // of the count that is set; default spec.replicas
	StatusSelector func(obj Object) string // serialized label selector
}
