package standalone

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// Migration moves controllers between kube- and cloud-controller-manager while several of both run: those that are named run where the
// lease of the migration is held, so that no two programs run one of them. Fields have the names of upstream's flags.
type Migration struct {
	// EnableLeaderMigration has the program take part; without an election of leaders there is nothing to be agreed upon.
	EnableLeaderMigration bool
	// LeaderMigrationConfig is a file with a LeaderMigrationConfiguration; default is that service, route and cloud-node-lifecycle may run
	// in either program.
	LeaderMigrationConfig string
}

// migrationConfig is a LeaderMigrationConfiguration of controllermanager.config.k8s.io.
type migrationConfig struct {
	metav1.TypeMeta `json:",inline"`
	// LeaderName is the name of the lease of the migration.
	LeaderName string `json:"leaderName"`
	// ResourceLock is what is agreed by in versions before v1; it has no effect, for leases are all there is.
	ResourceLock string `json:"resourceLock,omitempty"`
	// ControllerLeaders say which program runs which controller.
	ControllerLeaders []controllerLeader `json:"controllerLeaders"`
}

type controllerLeader struct {
	Name string `json:"name"`
	// Component runs the controller, "*" is any that holds the lease.
	Component string `json:"component"`
}

func defaultMigration() *migrationConfig {
	c := &migrationConfig{LeaderName: "cloud-provider-extraction-migration"}
	for _, name := range []string{"route", "service", "cloud-node-lifecycle"} {
		c.ControllerLeaders = append(c.ControllerLeaders, controllerLeader{name, anyComponent})
	}
	return c
}

const anyComponent = "*"

// migrates says whether there is a migration that m takes part in.
func (m *Migration) migrates(p *Program) bool { return m.EnableLeaderMigration && p.LeaderElect }

// load reads the configuration.
func (m *Migration) load() (*migrationConfig, error) {
	if m.LeaderMigrationConfig == "" {
		return defaultMigration(), nil
	}
	data, err := os.ReadFile(m.LeaderMigrationConfig)
	if err != nil {
		return nil, fmt.Errorf("reading --leader-migration-config: %w", err)
	}
	c := &migrationConfig{}
	if err := yaml.UnmarshalStrict(data, c); err != nil {
		return nil, fmt.Errorf("reading --leader-migration-config %s: %w", m.LeaderMigrationConfig, err)
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("--leader-migration-config %s: %w", m.LeaderMigrationConfig, err)
	}
	return c, nil
}

func (c *migrationConfig) validate() error {
	group, version, _ := strings.Cut(c.APIVersion, "/")
	if c.Kind != "LeaderMigrationConfiguration" || group != "controllermanager.config.k8s.io" || !slices.Contains([]string{"v1", "v1beta1", "v1alpha1"}, version) {
		return fmt.Errorf("%s %q: want a LeaderMigrationConfiguration of controllermanager.config.k8s.io/v1", c.APIVersion, c.Kind)
	}
	var wrong field.ErrorList
	if c.LeaderName == "" {
		wrong = append(wrong, field.Required(field.NewPath("leaderName"), "leaderName must be set for LeaderMigrationConfiguration"))
	}
	for i, leader := range c.ControllerLeaders {
		at := field.NewPath("controllerLeaders").Index(i)
		if leader.Name == "" {
			wrong = append(wrong, field.Required(at.Child("name"), ""))
		}
		if leader.Component == "" {
			wrong = append(wrong, field.Required(at.Child("component"), ""))
		}
	}
	return wrong.ToAggregate()
}

// named are the controllers of the configuration that run under its lease in the program, and those that are another's.
func (c *migrationConfig) named(component string) (shared, elsewhere []string) {
	for _, leader := range c.ControllerLeaders {
		if leader.Component == component || leader.Component == anyComponent {
			shared = append(shared, leader.Name)
		} else {
			elsewhere = append(elsewhere, leader.Name)
		}
	}
	return shared, elsewhere
}

// terms are what a program leads: what it always does, and while it also holds the lease of the migration, what that stands for.
type terms struct {
	always func(ctx context.Context, without []string) error
	// among parts the program's controllers into those that are named and the others.
	among func(names []string) (named, others []string)
}

// migrate has a term without a migration become one with it: it leaves out what the configuration names, and asks for the lease of the
// migration for as long as the program's own is held.
func (m *Migration) migrate(p *Program, config *rest.Config, with terms) (func(context.Context) error, error) {
	if !m.migrates(p) {
		return func(ctx context.Context) error { return with.always(ctx, nil) }, nil
	}
	c, err := m.load()
	if err != nil {
		return nil, err
	}
	shared, elsewhere := c.named(p.Component)
	left, _ := with.among(append(slices.Clone(shared), elsewhere...))
	ours, others := with.among(shared)
	return func(ctx context.Context) error {
		seat, err := p.seat(config)
		if err != nil {
			return err
		}
		seat.Name, seat.Component = c.LeaderName, p.Component
		both, ctx := errgroup.WithContext(ctx)
		both.Go(func() error { return with.always(ctx, left) })
		both.Go(func() error {
			return seat.Run(ctx, func(ctx context.Context) error {
				if len(ours) == 0 { // it is held all the same: whoever waits for it may have to
					<-ctx.Done()
					return nil
				}
				return with.always(ctx, others)
			})
		})
		return both.Wait()
	}, nil
}
