package flowcontrol

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol/hand"
	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol/usage"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// Controller sorts requests into levels. Its exported fields are inputs, set before the first call of Configure; from then on it
// may be asked, also while it is configured anew.
type Controller struct {
	// Seats are divided among the levels: how many requests are worked on at a time.
	Seats int
	// Load tells how wide a request is; nil makes all one seat wide.
	Load  Load
	Clock clock.WithDelayedExecution
	// Metrics count what passes; nil for none.
	Metrics *Metrics

	tickets tickets
	dealer  hand.Dealer
	schemas atomic.Pointer[[]*schema] // in the order in which they are asked

	mu        sync.Mutex
	levels    map[string]*level
	adjusting bool
}

// Configure takes what the cluster says, in place of what it said before. Levels keep their requests. What refers to a level that
// is not there is not asked, and the two schemas and levels that every cluster has are there in any case.
func (c *Controller) Configure(schemas []*flowcontrolv1.FlowSchema, levels []*flowcontrolv1.PriorityLevelConfiguration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.levels == nil {
		c.levels, c.dealer = map[string]*level{}, hand.New()
		c.Metrics.attach(c)
	}
	c.configureLevels(withMandatory(levels, mandatoryLevels()))
	var made []*schema
	for _, object := range withMandatory(schemas, mandatorySchemas()) {
		at := c.levels[object.Spec.PriorityLevelConfiguration.Name]
		if at == nil {
			continue
		}
		s := &schema{
			name: object.Name, precedence: object.Spec.MatchingPrecedence, rules: object.Spec.Rules, level: at,
			stats: at.statsOf(object.Name, c.Metrics), widest: widest(at.share.nominal),
			uidHeader: []string{string(object.UID)}, levelHeader: at.uid,
		}
		if method := object.Spec.DistinguisherMethod; method != nil {
			s.by = method.Type
		}
		made = append(made, s)
	}
	sortSchemas(made)
	c.schemas.Store(&made)
}

// withMandatory adds those of the mandatory objects that are missing.
func withMandatory[T interface{ GetName() string }](objects, mandatory []T) []T {
	all := slices.Clone(objects)
	for _, m := range mandatory {
		if !slices.ContainsFunc(objects, func(o T) bool { return o.GetName() == m.GetName() }) {
			all = append(all, m)
		}
	}
	return all
}

func (c *Controller) configureLevels(objects []*flowcontrolv1.PriorityLevelConfiguration) {
	var sum int32
	for _, object := range objects {
		shares, _, _ := sharesOf(object)
		sum += shares
	}
	wanted := map[string]bool{}
	for _, object := range objects {
		wanted[object.Name] = true
		l := c.levels[object.Name]
		if l == nil {
			l = &level{name: object.Name, born: c.Clock.Now(), dealer: c.dealer, contended: c.contended, stats: map[string]*stats{}, usage: usage.NewLevel()}
			c.levels[object.Name] = l
		}
		shares, lendable, borrowing := sharesOf(object)
		l.configure(object, shareOf(c.Seats, shares, sum, lendable, borrowing), c.Clock.Now())
	}
	for name := range c.levels {
		if !wanted[name] {
			delete(c.levels, name) // who is in it holds it
		}
	}
	c.Metrics.bounded(c.levels, c.Clock.Now())
}

func sharesOf(object *flowcontrolv1.PriorityLevelConfiguration) (shares, lendable int32, borrowing *int32) {
	value := func(p *int32) int32 {
		if p == nil {
			return 0
		}
		return *p
	}
	if e := object.Spec.Exempt; e != nil {
		return value(e.NominalConcurrencyShares), value(e.LendablePercent), nil
	}
	if l := object.Spec.Limited; l != nil {
		return value(l.NominalConcurrencyShares), value(l.LendablePercent), l.BorrowingLimitPercent
	}
	return 0, 0, nil
}

func (l *level) configure(object *flowcontrolv1.PriorityLevelConfiguration, s share, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance(now)
	l.uid = []string{string(object.UID)}
	l.exempt = object.Spec.Type == flowcontrolv1.PriorityLevelEnablementExempt
	l.queuing = nil
	if limited := object.Spec.Limited; limited != nil {
		l.queuing = limited.LimitResponse.Queuing
	}
	if l.share != s {
		l.share, l.limit = s, s.nominal
	}
	l.note(now)
	l.dispatch(now)
}

// Classify finds the flow of a request. Every request has one.
func (c *Controller) Classify(info *request.Info, caller user.Info) Flow {
	schemas := *c.schemas.Load()
	found := schemas[len(schemas)-1]
	for _, s := range schemas {
		if s.matches(info, caller) {
			found = s
			break
		}
	}
	return Flow{schema: found, controller: c, info: info, caller: caller}
}

// contended begins to lend and borrow, if that has not begun: at once by what was wanted of late, so that a burst has what others leave,
// and from then on by what was wanted over a period.
func (c *Controller) contended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.adjusting {
		return
	}
	c.adjusting = true
	now := c.Clock.Now()
	var wishes []wish
	var levels []*level
	for _, l := range c.levels {
		wishes, levels = append(wishes, l.measure(now)), append(levels, l)
	}
	limits, factor := lend(wishes)
	for i, l := range levels {
		l.grant(limits[i], now)
	}
	c.Metrics.adjusted(factor)
	c.Clock.AfterFunc(adjustEvery, c.adjust)
}

// adjust divides the seats anew, until a period passes in which nobody had to wait, nor used what is not its own: a steady load that fits
// into what was borrowed keeps it.
func (c *Controller) adjust() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Clock.Now()
	var wishes []wish
	var levels []*level
	pressed := false
	for _, l := range c.levels {
		w, more := l.wish(now)
		wishes, levels, pressed = append(wishes, w), append(levels, l), pressed || more
	}
	limits, factor := lend(wishes)
	for i, l := range levels {
		if !pressed {
			limits[i] = wishes[i].nominal
			l.rest()
		}
		l.grant(limits[i], now)
	}
	c.Metrics.adjusted(factor)
	c.adjusting = pressed
	if pressed {
		c.Clock.AfterFunc(adjustEvery, c.adjust)
	}
}

// measure begins a period, and tells what was wanted of late: a level whose requests are short uses nothing between two of them, and
// needs its own seats all the same.
func (l *level) measure(now time.Time) wish {
	l.mu.Lock()
	defer l.mu.Unlock()
	age := l.age(now)
	l.demand.look(age)
	late := l.demand.last
	late.high = max(late.high, l.demand.high)
	l.demand.timed = true
	l.demand.start(l.seats+l.waitingSeats, age)
	return wish{share: l.share, figures: late, exempt: l.exempt}
}

func (l *level) rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.demand.timed = false
}

// wish closes a period. more says that requests found no seat in it, or wanted more seats than are the level's own.
func (l *level) wish(now time.Time) (w wish, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.demand.timed { // younger than the period
		l.demand.timed = true
		l.demand.start(l.seats+l.waitingSeats, l.age(now))
	}
	w = wish{share: l.share, figures: l.demand.end(l.age(now)), exempt: l.exempt}
	more = l.pressed || l.waiting > 0 || !l.exempt && w.high > w.nominal
	l.pressed = false
	return w, more
}
