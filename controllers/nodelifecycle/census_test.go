package nodelifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

func TestCensus(t *testing.T) {
	c := newCensus(kit.DefaultTuning().NodeDrains)
	for _, step := range []struct {
		why       string
		concerned []string
		want      string
	}{
		{"the first, silent", c.take("a", member{ready: false}), "a"},
		{"another silent one", c.take("b", member{ready: false}), ""},
		{"one becomes ready", c.take("a", member{ready: true}), "b"},
		{"and again", c.take("a", member{ready: true}), ""},
		{"a second one", c.take("c", member{ready: true}), ""},
		{"it goes", c.drop("c"), ""},
		{"somebody unknown goes", c.drop("x"), ""},
		{"the last ready one turns", c.take("a", member{ready: false}), "a b"},
		{"one goes", c.drop("a"), ""},
		{"nobody is left", c.drop("b"), ""},
	} {
		slices.Sort(step.concerned)
		if got := strings.Join(step.concerned, " "); got != step.want {
			t.Errorf("%s: concerns %q, want %q", step.why, got, step.want)
		}
	}
	now := time.Unix(1000, 0)
	c.take("a", member{ready: false})
	if evict, _ := c.evicts("a", true, now); evict {
		t.Error("the only node is silent, and is emptied")
	}
}

// Nodes of a zone are emptied one after the other; slower, or not, where many are not ready; as ever where all are. Zones do not wait for
// each other.
func TestNodesAreEmptiedInTurn(t *testing.T) {
	for _, step := range []struct {
		why        string
		all, ready int // nodes of the zone
		want       string
	}{
		{"two of three", 3, 1, "now 10s"},
		{"five of ten", 10, 5, "now 10s 10s 10s 10s"},
		{"six of ten are many, in a small zone", 10, 4, "never never never never never never"},
		{"as many in a large one", 60, 27, "now" + strings.Repeat(" 1m40s", 32)},
		{"all of them", 3, 0, "now 10s 10s"},
	} {
		c, now := newCensus(kit.DefaultTuning().NodeDrains), time.Unix(1000, 0)
		c.take("elsewhere", member{zone: "other", ready: true})
		for i := range step.all {
			c.take(fmt.Sprint(i), member{zone: "zone", ready: i >= step.all-step.ready})
		}
		var got []string
		for i := range step.all - step.ready {
			evict, wait := c.evicts(fmt.Sprint(i), false, now)
			switch {
			case evict:
				got = append(got, "now")
			case wait > 0:
				got = append(got, wait.String())
			default:
				got = append(got, "never")
			}
		}
		if got := strings.Join(got, " "); got != step.want {
			t.Errorf("%s: %s, want %s", step.why, got, step.want)
		}
		if _, wait := c.evicts("1", false, now.Add(10*time.Second)); step.ready < 2 && wait != 0 {
			t.Errorf("%s: the second waits after its turn", step.why)
		}
		if evict, _ := c.evicts("0", false, now.Add(time.Hour)); evict != strings.HasPrefix(step.want, "now") {
			t.Errorf("%s: the first is forgotten", step.why)
		}
		if evict, _ := c.evicts("0", true, now); !evict {
			t.Errorf("%s: what is emptied does not go on", step.why)
		}
		c.take("elsewhere", member{zone: "other", ready: false})
		if evict, _ := c.evicts("elsewhere", false, now); evict != (step.ready > 0) {
			t.Errorf("%s: another zone, too: %v", step.why, evict)
		}
	}
}

// Nodes that are set aside say nothing of an outage, neither by being ready nor by not being it, and are emptied as others are.
func TestNodesThatDoNotCount(t *testing.T) {
	c, now := newCensus(kit.DefaultTuning().NodeDrains), time.Unix(1000, 0)
	c.take("spot", member{ready: false, aside: true})
	if evict, _ := c.evicts("spot", false, now); !evict {
		t.Error("where no node counts there is no outage")
	}
	c.take("a", member{ready: false})
	c.take("spot", member{ready: true, aside: true})
	if evict, wait := c.evicts("a", false, now.Add(time.Hour)); evict || wait != 0 {
		t.Errorf("no node that counts is ready, and one is emptied: %v %v", evict, wait)
	}
	if got := c.take("spot", member{ready: true}); !slices.Equal(got, []string{"a"}) {
		t.Errorf("a ready node that counts now concerns %q", got)
	}
	c.take("spot", member{ready: false, aside: true})
	c.take("b", member{ready: true})
	for _, name := range []string{"c", "d", "e"} { // they are many, if they count
		c.take(name, member{ready: false, aside: true})
	}
	if evict, _ := c.evicts("a", false, now.Add(time.Hour)); !evict {
		t.Error("those that do not count keep one that does from being emptied")
	}
	for _, name := range []string{"a", "b", "c", "d", "e", "spot"} {
		c.drop(name)
	}
	if len(c.zones) != 0 || c.all != 0 || c.ready != 0 {
		t.Errorf("of nothing %d and %d are left in %d zones", c.all, c.ready, len(c.zones))
	}
}

// When no node is ready all lose their turn, and when some are again they are emptied one after the other, not all that once were.
func TestTurnsAreTakenAgainAfterSilence(t *testing.T) {
	c, now := newCensus(kit.DefaultTuning().NodeDrains), time.Unix(1000, 0)
	for _, name := range []string{"a", "b", "c"} {
		c.take(name, member{ready: true})
	}
	for _, name := range []string{"a", "b"} {
		c.take(name, member{ready: false})
		now = now.Add(10 * time.Second)
		if evict, _ := c.evicts(name, false, now); !evict {
			t.Errorf("%s is not emptied", name)
		}
	}
	c.take("c", member{ready: false})
	for _, name := range []string{"a", "b", "c"} {
		if evict, wait := c.evicts(name, true, now); evict || wait != 0 {
			t.Errorf("no node is ready, and %s is emptied: %v %v", name, evict, wait)
		}
	}
	now = now.Add(time.Minute)
	c.take("c", member{ready: true})
	if evict, _ := c.evicts("a", false, now); !evict {
		t.Error("the first waits")
	}
	if evict, wait := c.evicts("b", false, now); evict || wait != 10*time.Second {
		t.Errorf("the second does not wait for its turn: %v %v", evict, wait)
	}
}

// A node that others write before we are told of it keeps the taint that it has.
func TestANodeThatIsNotKnownYet(t *testing.T) {
	c := newCensus(kit.DefaultTuning().NodeDrains)
	for _, already := range []bool{true, false} {
		if evict, wait := c.evicts("new", already, time.Unix(1000, 0)); evict != already || wait != 0 {
			t.Errorf("emptied before %v, now %v %v", already, evict, wait)
		}
	}
}

// A node that has not reported yet takes no turn from one that is silent.
func TestNodesThatJoinTakeNoTurns(t *testing.T) {
	c := &Controller{Clock: clock.RealClock{}, nodes: newCensus(kit.DefaultTuning().NodeDrains)}
	node := func(name string, ready ...corev1.ConditionStatus) *corev1.Node {
		n := &corev1.Node{}
		n.Name = name
		for _, status := range ready {
			n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeReady, Status: status})
		}
		c.nodes.take(name, member{ready: isReady(n)})
		return n
	}
	joins, silent := node("joins"), node("silent", corev1.ConditionUnknown)
	node("ready", corev1.ConditionTrue)
	if change, wait := c.changeIn(joins); change.Spec != nil || wait != 0 {
		t.Errorf("one that joins: %v, %v", change.Spec, wait)
	}
	change, wait := c.changeIn(silent)
	if taints, _ := change.Spec["taints"].([]corev1.Taint); !empties(taints) || wait != 0 {
		t.Errorf("one that is silent: %v, %v", taints, wait)
	}
}

// Nodes that are emptied as good as never are not emptied at once.
func TestTurnsThatNeverCome(t *testing.T) {
	drains := kit.DefaultTuning().NodeDrains
	drains.Rate = 1e-12
	c, now := newCensus(drains), time.Unix(1000, 0)
	for name, ready := range map[string]bool{"first": false, "second": false, "ready": true} {
		c.take(name, member{ready: ready})
	}
	c.evicts("first", false, now)
	if evict, wait := c.evicts("second", false, now); evict || wait < 24*time.Hour {
		t.Errorf("the second is emptied: %v, or waits for %v", evict, wait)
	}
}
