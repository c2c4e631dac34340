package scheduler

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// extension is an extender that refuses nodes, likes one, and binds nothing but says so.
type extension struct {
	t *testing.T

	mu                           sync.Mutex
	refuses, unresolvable, likes string
	silent                       bool   // about why it refuses
	spares                       string // a node that nobody is to be evicted from
	broken                       bool
	asked                        []string
	before                       func() // each answer
}

func (e *extension) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	verb := strings.TrimPrefix(r.URL.Path, "/ext/")
	e.asked = append(e.asked, verb)
	if e.before != nil {
		e.before()
	}
	if e.broken {
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	}
	var answer any
	switch verb {
	case "filter":
		args := read[extenderv1.ExtenderArgs](e.t, r)
		names := slices.DeleteFunc(slices.Clone(*args.NodeNames), func(n string) bool { return n == e.refuses || n == e.unresolvable })
		answer = extenderv1.ExtenderFilterResult{
			NodeNames: &names, FailedNodes: extenderv1.FailedNodesMap{e.refuses: "not this one"},
			FailedAndUnresolvableNodes: extenderv1.FailedNodesMap{e.unresolvable: "never this one"},
		}
		if e.silent {
			answer = extenderv1.ExtenderFilterResult{NodeNames: &names}
		}
	case "prioritize":
		args := read[extenderv1.ExtenderArgs](e.t, r)
		list := extenderv1.HostPriorityList{}
		for _, n := range *args.NodeNames {
			score := int64(0)
			if n == e.likes {
				score = extenderv1.MaxExtenderPriority
			}
			list = append(list, extenderv1.HostPriority{Host: n, Score: score})
		}
		answer = list
	case "preempt":
		args := read[extenderv1.ExtenderPreemptionArgs](e.t, r)
		delete(args.NodeNameToMetaVictims, e.spares)
		answer = extenderv1.ExtenderPreemptionResult{NodeNameToMetaVictims: args.NodeNameToMetaVictims}
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		e.t.Error(err)
	}
}

func read[T any](t *testing.T, r *http.Request) (args T) {
	if err := json.NewDecoder(r.Body).Decode(&args); err != nil {
		t.Error(err)
	}
	return args
}

func (f *fixture) extend(e *extension, c schedulerv1.Extender) {
	f.Helper()
	server := httptest.NewServer(e)
	f.Cleanup(server.Close)
	c.URLPrefix, c.FilterVerb, c.PrioritizeVerb, c.PreemptVerb, c.Weight, c.NodeCacheCapable = server.URL+"/ext", "filter", "prioritize", "preempt", 10, true
	f.Configuration.Extenders = []schedulerv1.Extender{c}
	if err := f.init(f.Context()); err != nil {
		f.Fatal(err)
	}
}

func TestExtenderChooses(t *testing.T) {
	f, e := newFixture(t), &extension{t: t, refuses: "a", likes: "c"}
	f.extend(e, schedulerv1.Extender{})
	f.nodes("a", "b", "c")
	f.comes(pod("p", "1"))
	f.same("event", f.tries(), "Normal Scheduled Successfully assigned default/p to c")
	e.likes = "b"
	f.comes(pod("q", "1"))
	f.same("event", f.tries(), "Normal Scheduled Successfully assigned default/q to b")
}

func TestExtenderRefuses(t *testing.T) {
	f, e := newFixture(t), &extension{t: t, refuses: "a", unresolvable: "b"}
	f.extend(e, schedulerv1.Extender{})
	f.nodes("a", "b")
	f.comes(pod("p", "1"))
	f.same("event", f.tries(), "Warning FailedScheduling 0/2 nodes are available: 1 never this one, 1 not this one. "+
		"no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.")
	e.refuses = ""
	f.clock.Step(time.Minute)
	f.nodeAdded(node("c")) // whatever happens may help
	if got := f.tries(); !strings.HasPrefix(got, "Normal Scheduled") {
		t.Errorf("got %s", got)
	}
}

// An extender need not say why it refuses a node: that was counted as a reason without words, and had pods evicted for nothing.
func TestExtenderRefusesSilently(t *testing.T) {
	f, e := newFixture(t), &extension{t: t, refuses: "a", silent: true}
	f.extend(e, schedulerv1.Extender{})
	f.nodes("a")
	f.runs(ranked("low", "1", 1), "a")
	f.comes(ranked("high", "1", 100))
	f.same("event", f.tries(), "Warning FailedScheduling 0/1 nodes are available: "+notHelpful)
	f.running = true
	e.refuses = "b"
	f.nodes("b")
	said, err := f.Explain(f.Context(), client.ObjectKey{Namespace: "default", Name: "high"})
	if err != nil {
		t.Fatal(err)
	}
	f.same("what it says of the node", said.Nodes[1].Refusals[0].Reasons[0], "it gives no reason")
}

func TestExtenderThatFails(t *testing.T) {
	f, e := newFixture(t), &extension{t: t, broken: true}
	f.extend(e, schedulerv1.Extender{})
	f.nodes("a")
	f.comes(pod("p", "1"))
	f.same("event", f.tries(), "Warning FailedScheduling failed filter with extender at URL "+f.extenders[0].Name()+"/filter, code 500")
	ignorable := newFixture(t)
	ignorable.extend(e, schedulerv1.Extender{Ignorable: true})
	ignorable.nodes("a")
	ignorable.comes(pod("p", "1"))
	ignorable.same("event", ignorable.tries(), "Normal Scheduled Successfully assigned default/p to a")
}

// What comes of asking an extender about victims is said as preemption's.
func TestExtenderThatLeavesNoVictims(t *testing.T) {
	f, e := newFixture(t), &extension{t: t, spares: "a"}
	f.extend(e, schedulerv1.Extender{})
	f.nodes("a")
	f.runs(ranked("low", "2", 1), "a")
	f.comes(ranked("high", "2", 100))
	f.same("event", f.tries(), "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: no candidate node for preemption")
	e.broken = true
	f.comes(ranked("higher", "2", 101))
	f.same("event", f.tries(), "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. preemption: failed preempt with extender at URL "+f.extenders[0].Name()+"/preempt, code 500")
}

// Pods that ask for none of an extender's resources are not its business; what it manages and checks is left to it.
func TestExtenderOfResources(t *testing.T) {
	f, e := newFixture(t), &extension{t: t, refuses: "a"}
	f.extend(e, schedulerv1.Extender{ManagedResources: []schedulerv1.ExtenderManagedResource{{Name: "example.com/foo", IgnoredByScheduler: true}}})
	f.nodes("a", "b")
	f.comes(pod("p", "1"))
	f.tries()
	if len(e.asked) > 0 {
		t.Errorf("asked to %v about a pod that does not concern it", e.asked)
	}
	p := pod("q", "100m")
	p.Spec.Containers[0].Resources.Requests["example.com/foo"] = resource.MustParse("1")
	if !f.extenders[0].IsInterested(p) || f.extenders[0].IsInterested(&corev1.Pod{}) {
		t.Error("it is not told which pods concern it")
	}
}

func TestExtenderChoosesVictims(t *testing.T) {
	f, e := newFixture(t), &extension{t: t, spares: "a"}
	f.extend(e, schedulerv1.Extender{})
	f.nodes("a", "b")
	f.runs(ranked("first", "2", 1), "a")
	f.runs(ranked("second", "2", 5), "b")
	f.comes(ranked("high", "2", 100))
	f.tries()
	f.expectEnded("second")
}
