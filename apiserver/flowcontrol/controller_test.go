package flowcontrol

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol/hand"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
	"github.com/coxswain-k8s/coxswain/config/bootstrap"
)

// suggested is a controller of 600 seats with what a cluster begins with, and what is added.
func suggested(seats int, more ...any) *Controller {
	c := &Controller{Seats: seats, Clock: clock.RealClock{}, Metrics: NewMetrics()}
	var schemas []*flowcontrolv1.FlowSchema
	var levels []*flowcontrolv1.PriorityLevelConfiguration
	for _, object := range bootstrap.FlowControl() {
		more = append(more, object)
	}
	for _, object := range more {
		switch object := object.(type) {
		case *flowcontrolv1.FlowSchema:
			schemas = append(schemas, object)
		case *flowcontrolv1.PriorityLevelConfiguration:
			levels = append(levels, object)
		}
	}
	c.Configure(schemas, levels)
	return c
}

func levelOf(name string, shares, queues, hand, length int32) *flowcontrolv1.PriorityLevelConfiguration {
	l := &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: metav1.ObjectMeta{Name: name}}
	l.Spec = flowcontrolv1.PriorityLevelConfigurationSpec{Type: flowcontrolv1.PriorityLevelEnablementLimited, Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
		NominalConcurrencyShares: ptr.To(shares), LimitResponse: flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject},
	}}
	if queues > 0 {
		l.Spec.Limited.LimitResponse = flowcontrolv1.LimitResponse{
			Type: flowcontrolv1.LimitResponseTypeQueue, Queuing: &flowcontrolv1.QueuingConfiguration{Queues: queues, HandSize: hand, QueueLengthLimit: length},
		}
	}
	return l
}

func schemaTo(name, level string, precedence int32, subject flowcontrolv1.Subject) *flowcontrolv1.FlowSchema {
	return &flowcontrolv1.FlowSchema{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: flowcontrolv1.FlowSchemaSpec{
		PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: level}, MatchingPrecedence: precedence,
		DistinguisherMethod: &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByUserType},
		Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
			Subjects: []flowcontrolv1.Subject{subject},
			ResourceRules: []flowcontrolv1.ResourcePolicyRule{{
				Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}, Namespaces: []string{"*"}, ClusterScope: true,
			}},
		}},
	}}
}

func groupOf(name string) flowcontrolv1.Subject {
	return flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindGroup, Group: &flowcontrolv1.GroupSubject{Name: name}}
}

func caller(name string, groups ...string) user.Info {
	return &user.DefaultInfo{Name: name, Groups: append(groups, user.AllAuthenticated)}
}

func asking(method, url string) *request.Info {
	return request.Parse(httptest.NewRequest(method, url, nil))
}

func TestRequestsAreSortedAsUpstreamSortsThem(t *testing.T) {
	mine := schemaTo("mine", "workload-low", 300, flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindServiceAccount, ServiceAccount: &flowcontrolv1.ServiceAccountSubject{Namespace: "a", Name: "*"}})
	c := suggested(600, mine)
	account := func(namespace, name string) user.Info {
		return caller("system:serviceaccount:"+namespace+":"+name, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
	}
	for _, test := range []struct {
		who         user.Info
		method, url string
		want        string
	}{
		{caller("admin", user.SystemPrivilegedGroup), "GET", "/api/v1/pods", "exempt exempt"},
		{caller("anybody"), "GET", "/readyz", "probes exempt"},
		{caller("anybody"), "GET", "/version", "global-default global-default"},
		{&user.DefaultInfo{Name: user.Anonymous, Groups: []string{user.AllUnauthenticated}}, "GET", "/version", "global-default global-default"},
		{&user.DefaultInfo{Name: "of no group"}, "GET", "/version", "catch-all catch-all"},
		{caller("system:kube-scheduler"), "PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler", "system-leader-election leader-election"},
		{caller("system:kube-scheduler"), "GET", "/api/v1/pods", "kube-scheduler workload-high"},
		{caller("system:kube-controller-manager"), "GET", "/api/v1/pods", "kube-controller-manager workload-high"},
		{caller("system:node:n", user.NodesGroup), "PATCH", "/api/v1/nodes/n/status", "system-node-high node-high"},
		{caller("system:node:n", user.NodesGroup), "PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n", "system-node-high node-high"},
		{caller("system:node:n", user.NodesGroup), "GET", "/api/v1/pods", "system-nodes system"},
		{account("kube-system", "x"), "GET", "/api/v1/pods", "kube-system-service-accounts workload-high"},
		{account("b", "x"), "GET", "/api/v1/pods", "service-accounts workload-low"},
		{account("a", "x"), "GET", "/api/v1/pods", "mine workload-low"},
		{account("a", "x"), "GET", "/healthz", "probes exempt"},
	} {
		f := c.Classify(asking(test.method, test.url), test.who)
		if got := f.schema.name + " " + f.schema.level.name; got != test.want {
			t.Errorf("%s %s by %s: %s, want %s", test.method, test.url, test.who.GetName(), got, test.want)
		}
	}
}

func TestSeatsAreDividedByShares(t *testing.T) {
	c := suggested(600)
	want := map[string]share{ // as upstream's /metrics says
		"catch-all": {13, 13, 613}, "exempt": {0, 0, 600}, "global-default": {49, 24, 649}, "leader-election": {25, 25, 625},
		"node-high": {98, 73, 698}, "system": {74, 50, 674}, "workload-high": {98, 49, 698}, "workload-low": {245, 24, 845},
	}
	for _, l := range c.all() {
		if l.share != want[l.name] || l.limit != want[l.name].nominal {
			t.Errorf("%s: %v and %d, want %v", l.name, l.share, l.limit, want[l.name])
		}
	}
}

// flood holds so many requests of one caller, in turn, until ctx ends, and says how many were served.
func flood(ctx context.Context, c *Controller, who user.Info, workers int, lasting time.Duration) (served func() int) {
	var mu sync.Mutex
	count := 0
	for range workers {
		go func() {
			for ctx.Err() == nil {
				flow := c.Classify(asking("GET", "/api/v1/namespaces/default/pods/x"), who)
				ticket, ok := flow.Enter(ctx)
				if !ok {
					time.Sleep(time.Second)
					continue
				}
				time.Sleep(lasting)
				flow.Leave(ticket)
				mu.Lock()
				count++
				mu.Unlock()
			}
		}()
	}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

// One user with 100 workers and one with 4 share a level of 5 seats. The first is in all 8 queues of its hand and the second in up
// to 4: it gets a third, where in one queue it would get a twenty-fifth.
func TestFloodOfOneFlowLeavesOthersTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := suggested(50, levelOf("small", 27, 64, 8, 50), schemaTo("small", "small", 10, groupOf("small")))
		for _, l := range c.all() {
			if l.name == "small" && l.limit != 5 {
				t.Fatalf("%d seats", l.limit)
			}
		}
		ctx, end := context.WithCancel(context.Background())
		loud := flood(ctx, c, caller("loud", "small"), 100, 10*time.Millisecond)
		time.Sleep(time.Second) // of the bubble
		quiet := flood(ctx, c, caller("quiet", "small"), 4, 10*time.Millisecond)
		time.Sleep(5 * time.Second)
		l, q := loud(), quiet()
		end()
		time.Sleep(10 * time.Minute) // until nothing is left
		if q < 700 {
			t.Errorf("the quiet flow got %d requests through, the loud one %d", q, l)
		}
		for _, l := range c.all() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.seats != 0 || l.waiting != 0 || l.executing != 0 || l.busy != 0 || l.first != nil || l.limit != l.share.nominal {
				t.Errorf("%s is left with %d seats taken, %d waiting, %d executing, %d busy and the limit %d", l.name, l.seats, l.waiting, l.executing, l.busy, l.limit)
			}
		}
		if lends(c) {
			t.Error("seats are lent although nobody waits")
		}
	})
}

func lends(c *Controller) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.adjusting
}

// A level that is flooded borrows what another does not need, and returns it when that does.
func TestLevelsBorrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lender := levelOf("lender", 245, 64, 8, 50)
		lender.Spec.Limited.LendablePercent = ptr.To[int32](80)
		c := suggested(100, levelOf("borrower", 49, 64, 8, 50), lender, schemaTo("b", "borrower", 10, groupOf("b")), schemaTo("l", "lender", 11, groupOf("l")))
		limit := func(name string) int {
			l := c.levels[name]
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.limit
		}
		own := limit("borrower")
		ctx, end := context.WithCancel(context.Background())
		flood(ctx, c, caller("b", "b"), 200, 100*time.Millisecond)
		time.Sleep(25 * time.Second)
		if got := limit("borrower"); got < 2*own {
			t.Errorf("the borrower has %d seats, of its own %d", got, own)
		}
		flood(ctx, c, caller("l", "l"), 200, 100*time.Millisecond)
		time.Sleep(25 * time.Second)
		if got := limit("lender"); got < c.levels["lender"].share.nominal-1 {
			t.Errorf("the lender has %d of %d seats", got, c.levels["lender"].share.nominal)
		}
		end()
		time.Sleep(5 * time.Minute)
		if got := limit("borrower"); got != own || lends(c) {
			t.Errorf("at rest the borrower has %d seats, lending %v", got, lends(c))
		}
	})
}

// A burst does not wait for the end of a period to have what others do not use: the level has as many seats at once as upstream's has, which
// lends at rest too. None is turned away for whom there is a seat to be lent.
func TestABurstBorrowsAtOnce(t *testing.T) {
	for name, burst := range map[string]*flowcontrolv1.PriorityLevelConfiguration{"with queues": levelOf("burst", 30, 8, 2, 50), "without": levelOf("burst", 30, 0, 0, 0)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				burst.Spec.Limited.BorrowingLimitPercent = ptr.To[int32](200)
				c := suggested(30, burst, schemaTo("b", "burst", 10, groupOf("b")))
				ctx, end := context.WithCancel(context.Background())
				flood(ctx, c, caller("b", "b"), 8, time.Second)
				synctest.Wait()
				l := c.levels["burst"]
				l.mu.Lock()
				executing, nominal, totals := l.executing, l.share.nominal, l.totals
				l.mu.Unlock()
				if executing != 8 || nominal != 4 || totals.rejected != 0 {
					t.Errorf("%d requests are under way in a level of %d seats, and %d were turned away", executing, nominal, totals.rejected)
				}
				flood(ctx, c, caller("b", "b"), 40, time.Second)
				synctest.Wait()
				l.mu.Lock()
				executing = l.executing
				l.mu.Unlock()
				if executing != 8 {
					t.Errorf("%d requests are under way, more than there are seats", executing)
				}
				end()
				time.Sleep(2 * time.Minute)
				if lends(c) {
					t.Error("seats are lent although nobody wants them")
				}
			})
		})
	}
}

// A burst gets what others have not used of late, not what they do not use in the very moment: between two short requests a level uses nothing.
// What was wanted long ago counts no more, though nobody has looked meanwhile.
func TestABurstLeavesOthersWhatTheyUse(t *testing.T) {
	for _, test := range []struct {
		lasted, ago time.Duration
		keeps       bool
	}{
		{5 * time.Second, time.Second, true},
		{time.Minute, 5 * time.Hour, false},
	} {
		t.Run(fmt.Sprintf("%s, %s ago", test.lasted, test.ago), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lender := levelOf("lender", 245, 64, 8, 50)
				lender.Spec.Limited.LendablePercent = ptr.To[int32](80)
				c := suggested(100, levelOf("borrower", 49, 64, 8, 50), lender, schemaTo("b", "borrower", 10, groupOf("b")), schemaTo("l", "lender", 11, groupOf("l")))
				l := c.levels["lender"]
				ctx, end := context.WithTimeout(context.Background(), test.lasted)
				flood(ctx, c, caller("l", "l"), l.share.nominal, time.Second)
				<-ctx.Done()
				end()
				time.Sleep(test.ago)
				ctx, end = context.WithCancel(context.Background())
				flood(ctx, c, caller("b", "b"), 200, time.Second)
				synctest.Wait()
				l.mu.Lock()
				limit := l.limit
				l.mu.Unlock()
				if keeps := limit >= l.share.nominal; keeps != test.keeps {
					t.Errorf("%s after it used all of its %d seats for %s the lender has %d", test.ago, l.share.nominal, test.lasted, limit)
				}
				end()
				time.Sleep(5 * time.Minute) // until nothing is left
			})
		})
	}
}

// A steady load that is larger than its level and fits into what the level has borrowed does not wait again: nobody waits then, which once
// passed for rest and took the seats away, every other ten seconds.
func TestBorrowedSeatsAreKeptWhileTheyAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lender := levelOf("lender", 245, 64, 8, 50)
		lender.Spec.Limited.LendablePercent = ptr.To[int32](80)
		c := suggested(100, levelOf("borrower", 49, 64, 8, 50), lender, schemaTo("b", "borrower", 10, groupOf("b")))
		ctx, end := context.WithCancel(context.Background())
		borrower := c.levels["borrower"]
		flood(ctx, c, caller("b", "b"), 2*borrower.share.nominal, 100*time.Millisecond)
		time.Sleep(15 * time.Second)
		for range 60 {
			borrower.mu.Lock()
			waiting, limit := borrower.waiting, borrower.limit
			borrower.mu.Unlock()
			if waiting > 0 || limit < 2*borrower.share.nominal {
				t.Fatalf("%d requests wait for one of %d seats", waiting, limit)
			}
			time.Sleep(time.Second)
		}
		end()
		time.Sleep(time.Minute)
		if lends(c) {
			t.Error("seats are lent although nobody uses them")
		}
	})
}

func TestRequestsAreTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reject := levelOf("reject", 1, 0, 0, 0)
		reject.Spec.Limited.BorrowingLimitPercent = ptr.To(int32(0))
		c := suggested(1, reject, levelOf("queue", 1, 1, 1, 1), schemaTo("r", "reject", 10, groupOf("r")), schemaTo("q", "queue", 11, groupOf("q")))
		enter := func(group string, patience time.Duration) (Flow, *Ticket, bool, time.Duration) {
			ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
			defer cancel()
			start := time.Now()
			f := c.Classify(asking("GET", "/api/v1/namespaces/default/pods/x"), caller("u", group))
			ticket, ok := f.Enter(ctx)
			return f, ticket, ok, time.Since(start)
		}
		fr, held, ok, _ := enter("r", time.Hour)
		if !ok {
			t.Fatal("the first was turned away")
		}
		if _, _, ok, took := enter("r", time.Hour); ok || took != 0 {
			t.Error("a level without queues let a second in, or wait")
		}
		fr.Leave(held)
		fq, held, _, _ := enter("q", time.Hour)
		waiting := make(chan bool)
		go func() { _, _, ok, _ := enter("q", time.Second); waiting <- ok }()
		synctest.Wait()
		if _, _, ok, took := enter("q", time.Hour); ok || took != 0 {
			t.Error("a full queue took one more")
		}
		if <-waiting {
			t.Error("who waited a quarter of the time that it had was served")
		}
		go func() { _, _, ok, _ := enter("q", time.Second); waiting <- ok }()
		synctest.Wait()
		fq.Leave(held)
		if !<-waiting {
			t.Error("who waited was not served")
		}
		l := c.levels["queue"].totals
		if l.rejected != 1 || l.timedOut != 1 || l.dispatched != 2 {
			t.Errorf("counted %+v", l)
		}
		time.Sleep(time.Minute)
	})
}

// A wide request waits for all its seats, and those behind it wait with it.
func TestWideRequestsAreNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		small := levelOf("small", 245, 1, 1, 50)
		small.Spec.Limited.BorrowingLimitPercent = ptr.To(int32(0))
		c := suggested(50, small, schemaTo("small", "small", 10, groupOf("small")))
		c.Load = many(2000)
		for range 25 {
			f := c.Classify(asking("GET", "/api/v1/namespaces/default/pods/x"), caller("u", "small"))
			ticket, _ := f.Enter(context.Background())
			go func() { time.Sleep(time.Second); f.Leave(ticket) }()
		}
		f := c.Classify(asking("GET", "/api/v1/namespaces/default/pods"), caller("u", "small"))
		start := time.Now()
		ticket, ok := f.Enter(context.Background())
		if !ok || time.Since(start) != time.Second || ticket.work.seats != 4 {
			t.Errorf("served %v after %s with %d seats", ok, time.Since(start), ticket.work.seats)
		}
		f.Leave(ticket)
		time.Sleep(time.Minute)
	})
}

// many is a load of so many objects and watchers.
type many int

func (m many) Objects(*request.Info) int  { return int(m) }
func (m many) Watchers(*request.Info) int { return int(m) }

func TestWidth(t *testing.T) {
	for want, url := range map[work][]string{
		{seats: 10, told: -1}: {"GET /api/v1/pods", "GET /api/v1/pods?watch=1", "GET /api/v1/pods?watch=1&sendInitialEvents=true&resourceVersion=5", "GET /api/v1/pods?limit=5000"},
		{seats: 5, told: -1}:  {"GET /api/v1/pods?limit=500"},
		{seats: 1, told: -1}: {
			"GET /api/v1/pods?limit=1", "GET /api/v1/pods?watch=1&resourceVersion=5", "GET /api/v1/namespaces/a/pods/x", "GET /version",
			"GET /api/v1/pods?fieldSelector=metadata.name%3Dx",
		},
		{seats: 1, after: 2, afterFor: tellFor, told: 2000}: {"POST /api/v1/namespaces/a/pods", "DELETE /api/v1/namespaces/a/pods/x"},
	} {
		for _, line := range url {
			method, at, _ := strings.Cut(line, " ")
			if got := widthOf(asking(method, at), maxSeats, many(2000)); got != want {
				t.Errorf("%s: %+v, want %+v", line, got, want)
			}
		}
	}
}

func TestHandsAreDealtEvenly(t *testing.T) {
	var counts [16]int
	d := hand.New()
	for i := range 4000 {
		var space [hand.Max]int
		hand := hand.Deal(d.Hash("s", fmt.Sprint(i)), 16, 4, space[:])
		seen := map[int]bool{}
		for _, q := range hand {
			seen[q] = true
			counts[q]++
		}
		if len(seen) != 4 {
			t.Fatalf("the hand %v has a queue twice", hand)
		}
	}
	for q, n := range counts {
		if n < 850 || n > 1150 {
			t.Errorf("queue %d is in %d of 4000 hands", q, n)
		}
	}
}

// BenchmarkUncontended is what a request pays that finds a seat: sorted in behind eight schemas, entered, left and counted.
func BenchmarkUncontended(b *testing.B) {
	c := suggested(600)
	info, who := asking("GET", "/api/v1/namespaces/default/pods/x"), caller("system:serviceaccount:a:x", "system:serviceaccounts", "system:serviceaccounts:a")
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		flow := c.Classify(info, who)
		ticket, _ := flow.Enter(ctx)
		flow.Leave(ticket)
	}
}

// A level without seats that has queues is a jail: who is in it waits, and is turned away.
func TestALevelWithoutSeatsServesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jail := levelOf("jail", 0, 1, 1, 50)
		jail.Spec.Limited.BorrowingLimitPercent = ptr.To(int32(0))
		c := suggested(600, jail, schemaTo("jail", "jail", 10, groupOf("jail")))
		start := time.Now()
		ticket, ok := c.Classify(asking("GET", "/api/v1/namespaces/default/pods/x"), caller("u", "jail")).Enter(context.Background())
		if took := time.Since(start); ok || took != maxWait {
			t.Errorf("served %v after %s: %+v", ok, took, ticket)
		}
		time.Sleep(time.Minute) // lending and borrowing ends
	})
}
