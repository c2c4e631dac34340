package golden

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coxswain-k8s/coxswain/controllers"
)

// ledger holds the writes of components to what none may do:
//
//   - be refused with a conflict where nobody else has written the object since,
//   - write a part of an object, such as its status, more often at one time than something has changed meanwhile that it may answer: others
//     have written, or it has made or deleted another object.
//
// What happens within an instant of a bubble happens at once, as a burst of events does in a real cluster. How often a component looks
// meanwhile is chance: so its writes are held against what others change, not against a number.
type ledger struct {
	counts map[string]*tally // by account
	last   map[string]string // who wrote an object last
	shared map[string]bool   // accounts of several controllers
	wrong  []string
}

// tally is how often a component wrote, and what is the least that it could do with: each part of an object once at a time.
type tally struct{ writes, least int }

// alone are the parts that a component changes in steps of its own: a migration runs, and then it is done; the outcome of a Job's pods is noted
// before they lose their finalizers, counted afterwards, and ends the Job once all are gone (KEP-2307).
var alone = map[string]int{migrator + " change storageversionmigrations status": 1, "job-controller change jobs status": 2}

func newLedger() *ledger {
	l := &ledger{counts: map[string]*tally{}, last: map[string]string{}, shared: map[string]bool{}}
	seen := map[string]bool{}
	for _, account := range controllers.Accounts() {
		l.shared[account] = l.shared[account] || seen[account]
		seen[account] = true
	}
	return l
}

// isComponent tells our components from users.
func isComponent(user string) bool { return strings.HasPrefix(user, "system:") }

// key is the object that a record is about, by resource.
func (r *record) key() string {
	meta, _ := r.answer["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	if meta, ok := r.sent["metadata"].(map[string]any); ok && name == "" {
		name, _ = meta["name"].(string)
	}
	return strings.Join([]string{r.ObjectRef.Resource, r.ObjectRef.Namespace, cmp.Or(r.ObjectRef.Name, name)}, " ")
}

// what is done to an object.
func (r *record) what() string {
	if r.Verb == "update" || r.Verb == "patch" {
		return "change"
	}
	return r.Verb
}

// part is what of the object somebody writes.
func (r *record) part() string {
	return strings.Join([]string{account(r.User.Username), r.what(), r.key(), r.ObjectRef.Subresource}, " ")
}

func (r *record) isRefused() bool { return r.ResponseStatus.Code >= http.StatusBadRequest }

// touches says whether what is done to one object may be why another is written: both are in one namespace, or either is in none.
func (r *record) touches(other *record) bool {
	return r.ObjectRef.Namespace == "" || other.ObjectRef.Namespace == "" || r.ObjectRef.Namespace == other.ObjectRef.Namespace
}

// note takes up what was recorded, in the order in which it was stored.
func (l *ledger) note(records []*record) {
	moments := map[time.Time][]*record{}
	for _, one := range records {
		if one.ResponseStatus != nil && one.ObjectRef != nil && one.ObjectRef.Resource != "events" {
			moments[one.StageTimestamp.Time] = append(moments[one.StageTimestamp.Time], one)
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(moments), time.Time.Compare) {
		l.moment(moments[at])
	}
}

// moment takes up what happened at one time.
func (l *ledger) moment(records []*record) {
	written := map[string]int{}
	for _, one := range records {
		who := one.User.Username
		switch {
		case !isComponent(who):
		case one.ResponseStatus.Code == http.StatusConflict && one.Verb == "create" && written[one.part()] == 0: // the name is taken, since another time
		case one.ResponseStatus.Code == http.StatusConflict:
			if l.last[one.key()] == who && !l.shared[account(who)] && !slices.ContainsFunc(records, func(other *record) bool { return excuses(other, one) }) {
				l.wrong = append(l.wrong, fmt.Sprintf("%s: %s %s is refused, and nobody else has written it: %s", who, one.what(), one.key(), one.ResponseStatus.Message))
			}
		case !one.isRefused():
			l.count(one, records, written)
		}
		if !one.isRefused() {
			l.last[one.key()] = who
		}
	}
}

// excuses says whether a write of the same object had another one be refused, because it was somebody else's.
func excuses(other, refused *record) bool {
	return other.User.Username != refused.User.Username && !other.isRefused() && other.key() == refused.key()
}

// count takes up a write, of which there may be one, and another for each such change.
func (l *ledger) count(one *record, records []*record, written map[string]int) {
	who := account(one.User.Username)
	if l.counts[who] == nil {
		l.counts[who] = &tally{}
	}
	l.counts[who].writes++
	part := one.part()
	written[part]++
	if written[part] == 1 {
		l.counts[who].least++
	}
	most := 1 + alone[strings.Join([]string{who, one.what(), one.ObjectRef.Resource, one.ObjectRef.Subresource}, " ")]
	for _, other := range records {
		others := other.User.Username != one.User.Username || other.what() != "change" && other.key() != one.key()
		if others && !other.isRefused() && other.touches(one) {
			most++
		}
	}
	if written[part] == most+1 {
		l.wrong = append(l.wrong, fmt.Sprintf("%s is written %d times at one time, which is more than what has changed", part, most+1))
	}
}

// report tells of each controller how often it wrote, the least that it could do with, in how many reconciles, and the most that one wrote.
func report(name string, l *ledger, r *rounds) {
	for _, who := range slices.Sorted(maps.Keys(l.counts)) {
		reconciles, most := 0, 0
		for _, one := range r.of {
			if one.account == who {
				reconciles, most = reconciles+1, max(most, one.writes)
			}
		}
		fmt.Printf("%-80s %-45s writes %3d least %3d reconciles %3d most %3d\n", name, who, l.counts[who].writes, l.counts[who].least, reconciles, most)
	}
}
