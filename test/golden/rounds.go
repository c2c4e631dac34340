package golden

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"github.com/coxswain-k8s/coxswain/controllers"
)

// rounds counts what each reconcile of a controller writes. None may write a part of an object twice.
type rounds struct {
	mu    sync.Mutex
	of    map[types.UID]*round
	wrong []string
}

// round is one reconcile.
type round struct {
	account string
	writes  int
	parts   map[string]int // of objects, by how often they were written
}

// follow has the clients of controllers tell of what they write.
func (r *rounds) follow(deps *controllers.Deps) {
	access := deps.Access
	deps.Access = func(account string) (controllers.Access, error) {
		as, err := access(account)
		as.Client = followed{as.Client, account, r}
		return as, err
	}
}

// inSteps are the parts of which a reconcile may write two steps: a Service has the finalizer before the cloud is asked for what then goes into
// its status.
var inSteps = []string{"service-controller change status Service"}

// note takes up a write that was not refused.
func (r *rounds) note(ctx context.Context, account, what string, obj runtime.Object, scheme *runtime.Scheme, refused error) {
	id := controller.ReconcileIDFromContext(ctx)
	if id == "" || refused != nil {
		return
	}
	kind, err := apiutil.GVKForObject(obj, scheme)
	object, is := obj.(client.Object)
	if err != nil || !is {
		return // of a subresource that is no object of its own
	}
	part := strings.Join([]string{what, nameOf(kind.Kind, object.GetNamespace(), object.GetName())}, " ")
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.of[id]
	if one == nil {
		one = &round{account: account, parts: map[string]int{}}
		r.of[id] = one
	}
	one.writes++
	most := 1
	if slices.Contains(inSteps, account+" "+what+" "+kind.Kind) {
		most = 2
	}
	if one.parts[part]++; one.parts[part] == most+1 {
		r.wrong = append(r.wrong, fmt.Sprintf("%s: a reconcile does more than once: %s", account, part))
	}
}

// followed is a client that tells of what it writes.
type followed struct {
	client.Client
	account string
	rounds  *rounds
}

func (f followed) note(ctx context.Context, what string, obj runtime.Object, refused error) {
	f.rounds.note(ctx, f.account, what, obj, f.Scheme(), refused)
}

// Create implements client.Writer.
func (f followed) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	err := f.Client.Create(ctx, obj, opts...)
	f.note(ctx, "create", obj, err)
	return err
}

// Delete implements client.Writer.
func (f followed) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	err := f.Client.Delete(ctx, obj, opts...)
	f.note(ctx, "delete", obj, err)
	return err
}

// Update implements client.Writer.
func (f followed) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	err := f.Client.Update(ctx, obj, opts...)
	f.note(ctx, "change", obj, err)
	return err
}

// Patch implements client.Writer.
func (f followed) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	what := "change"
	if adopts(obj, patch) {
		what = "adopt or release"
	}
	err := f.Client.Patch(ctx, obj, patch, opts...)
	f.note(ctx, what, obj, err)
	return err
}

// adopts says whether all that a patch is about is owners: who adopts an object changes it as another step.
func adopts(obj client.Object, patch client.Patch) bool {
	var body struct {
		Metadata map[string]any `json:"metadata"`
		Spec     any            `json:"spec"`
	}
	data, err := patch.Data(obj)
	if err != nil || json.Unmarshal(data, &body) != nil || body.Metadata["ownerReferences"] == nil {
		return false
	}
	for field := range body.Metadata {
		if field != "uid" && field != "resourceVersion" && field != "ownerReferences" && field != "finalizers" {
			return false
		}
	}
	return body.Spec == nil
}

// Status implements client.StatusClient.
func (f followed) Status() client.SubResourceWriter { return f.SubResource("status") }

// SubResource implements client.SubResourceClientConstructor.
func (f followed) SubResource(name string) client.SubResourceClient {
	return followedPart{f.Client.SubResource(name), f, name}
}

// followedPart is that of a subresource.
type followedPart struct {
	client.SubResourceClient
	followed followed
	name     string
}

// Update implements client.SubResourceWriter.
func (f followedPart) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	err := f.SubResourceClient.Update(ctx, obj, opts...)
	f.followed.note(ctx, "change "+f.name, obj, err)
	return err
}

// Patch implements client.SubResourceWriter.
func (f followedPart) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	err := f.SubResourceClient.Patch(ctx, obj, patch, opts...)
	f.followed.note(ctx, "change "+f.name, obj, err)
	return err
}
