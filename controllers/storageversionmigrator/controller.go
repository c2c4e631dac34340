package storageversionmigrator

import (
	"context"
	"fmt"

	migrationv1beta1 "k8s.io/api/storagemigration/v1beta1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "storageversionmigrator"

// workers are how many migrations run at a time.
const workers = 2

// Controller migrates. A migration goes from nothing to Running, and from there to Succeeded or Failed, where it stays:
//
//	"" ──(where does the resource stand?)──> Running, resourceVersion ──(each object)──> Succeeded
//	└──(nobody serves it so that it could be migrated)──────────────────────────────────> Failed
type Controller struct {
	Client client.Client
	// Live is what is migrated, read from the API: there is no informer for it.
	Live      client.Reader
	Discovery discovery.DiscoveryInterface
	Clock     clock.PassiveClock
}

// Reconcile takes a migration one step further. What fails and may not the next time is tried again.
func (c *Controller) Reconcile(ctx context.Context, m *migrationv1beta1.StorageVersionMigration) (reconcile.Result, error) {
	if m.DeletionTimestamp != nil || is(m, migrationv1beta1.MigrationSucceeded) || is(m, migrationv1beta1.MigrationFailed) {
		return reconcile.Result{}, nil
	}
	kind, err := c.kindOf(m.Spec.Resource)
	if refused := (*refusal)(nil); asRefusal(err, &refused) {
		return patch.Result(reconcile.Result{}, c.finish(ctx, m, migrationv1beta1.MigrationFailed, refused.Error()))
	}
	if err != nil {
		return reconcile.Result{}, err // a definition may be on its way
	}
	if m.Status.ResourceVersion == "" {
		return patch.Result(reconcile.Result{}, c.begin(ctx, m, kind))
	}
	if err := c.migrate(ctx, m, kind); err != nil {
		return reconcile.Result{}, fmt.Errorf("migrating %s: %w", kind, err)
	}
	return patch.Result(reconcile.Result{}, c.finish(ctx, m, migrationv1beta1.MigrationSucceeded, ""))
}

func is(m *migrationv1beta1.StorageVersionMigration, kind migrationv1beta1.MigrationConditionType) bool {
	return meta.IsStatusConditionTrue(m.Status.Conditions, string(kind))
}

// begin notes where the resource stands: what is written later is stored as it should be.
func (c *Controller) begin(ctx context.Context, m *migrationv1beta1.StorageVersionMigration, kind served) error {
	list := kind.list()
	if err := c.Live.List(ctx, list, client.Limit(1)); err != nil {
		return fmt.Errorf("asking for the revision of %s: %w", kind, err)
	}
	changed := m.DeepCopy()
	changed.Status.ResourceVersion = list.ResourceVersion
	c.set(changed, migrationv1beta1.MigrationRunning, metav1.ConditionTrue, "MigrationRunning", "The migration is running")
	return c.Client.Status().Update(ctx, changed)
}

// finish says what became of a migration.
func (c *Controller) finish(ctx context.Context, m *migrationv1beta1.StorageVersionMigration, end migrationv1beta1.MigrationConditionType, message string) error {
	changed := m.DeepCopy()
	c.set(changed, migrationv1beta1.MigrationRunning, metav1.ConditionFalse, "MigrationCompleted", "Migration completed")
	c.set(changed, end, metav1.ConditionTrue, "StorageVersionMigration"+string(end), message)
	return c.Client.Status().Update(ctx, changed)
}

func (c *Controller) set(m *migrationv1beta1.StorageVersionMigration, kind migrationv1beta1.MigrationConditionType, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&m.Status.Conditions, metav1.Condition{
		Type: string(kind), Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(c.Clock.Now()),
	})
}

// Register puts the controller on mgr, where migrations are asked for. It wakes when one changes.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	if !deps.StorageMigration {
		return nil
	}
	asking, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("making discovery client: %w", err)
	}
	c := &Controller{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Discovery: asking, Clock: deps.Clock}
	return kit.New(mgr, Name).
		For(&migrationv1beta1.StorageVersionMigration{}).
		WithOptions(kit.Options(workers)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
