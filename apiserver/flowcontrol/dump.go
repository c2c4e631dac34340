package flowcontrol

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// DumpPath is where Dump answers.
const DumpPath = "/debug/api_priority_and_fairness/"

// all levels by name.
func (c *Controller) all() []*level {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*level, 0, len(c.levels))
	for _, l := range c.levels {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *level) int { return strings.Compare(a.name, b.name) })
	return all
}

// Dump answers below DumpPath with tables of what is going on.
func (c *Controller) Dump(w http.ResponseWriter, r *http.Request) {
	table := map[string]func(*sheet, *level){
		"dump_priority_levels": dumpLevel, "dump_queues": dumpQueues, "dump_requests": dumpRequests,
	}[strings.TrimPrefix(r.URL.Path, DumpPath)]
	if table == nil {
		http.Error(w, "404 page not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	s := newSheet(w, len(r.URL.Query()["includeRequestDetails"]) > 0)
	for _, l := range c.all() {
		l.mu.Lock()
		l.advance(c.Clock.Now())
		table(s, l)
		l.mu.Unlock()
	}
	s.end()
}

// sheet is a table with a comma behind each cell but the last of a row.
type sheet struct {
	out     *tabwriter.Writer
	details bool
	headed  bool
}

func newSheet(w io.Writer, details bool) *sheet {
	return &sheet{out: tabwriter.NewWriter(w, 8, 0, 1, ' ', 0), details: details}
}

// row writes cells, below their names in the first row.
func (s *sheet) row(names string, cells ...any) {
	if !s.headed {
		s.headed = true
		fmt.Fprintln(s.out, strings.Join(strings.Fields(names), ",\t"))
	}
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = fmt.Sprint(cell)
	}
	fmt.Fprintln(s.out, strings.Join(texts, ",\t"))
}

func (s *sheet) end() {
	_ = s.out.Flush() // whoever asked may be gone
}

func dumpLevel(s *sheet, l *level) {
	busy := 0
	for _, q := range l.queues {
		if !q.idle() {
			busy++
		}
	}
	s.row("PriorityLevelName ActiveQueues IsIdle IsQuiescing WaitingRequests ExecutingRequests DispatchedRequests RejectedRequests TimedoutRequests CancelledRequests",
		l.name, busy, l.executing == 0 && l.waiting == 0, false, l.waiting, l.executing,
		l.totals.dispatched, l.totals.rejected, l.totals.timedOut, l.totals.cancelled)
}

func dumpQueues(s *sheet, l *level) {
	names := "PriorityLevelName Index PendingRequests ExecutingRequests SeatsInUse NextDispatchR InitialSeatsSum MaxSeatsSum TotalWorkSum"
	if l.queuing == nil {
		return
	}
	for i := range max(int(l.queuing.Queues), len(l.queues)) {
		q := &queue{}
		if i < len(l.queues) {
			q = l.queues[i]
		}
		s.row(names, l.name, i, q.length, q.executing, q.inUse, seatSeconds(q.start), q.seats, q.seats, seatSeconds(float64(q.seats)*guessed))
	}
}

func seatSeconds(value float64) string { return fmt.Sprintf("%.8fss", value) }

func dumpRequests(s *sheet, l *level) {
	names := "PriorityLevelName FlowSchemaName QueueIndex RequestIndexInQueue FlowDistingsher ArriveTime InitialSeats FinalSeats AdditionalLatency StartTime"
	if s.details {
		names += " UserName Verb APIPath Namespace Name APIVersion Resource SubResource"
	}
	show := func(t *Ticket, queue, index int) {
		started := ""
		if !t.waiting {
			started = t.started.UTC().Format(time.RFC3339Nano)
		}
		cells := []any{
			l.name, t.schema.name, queue, index, t.schema.distinguisher(t.info, t.caller), t.arrived.UTC().Format(time.RFC3339Nano),
			t.work.seats, t.work.after, t.work.afterFor, started,
		}
		if i := t.info; s.details {
			version := i.Version
			if i.Group != "" {
				version = i.Group + "/" + i.Version
			}
			cells = append(cells, t.caller.GetName(), i.Verb, i.Path, i.Namespace, i.Name, version, i.Resource, i.Subresource)
		}
		s.row(names, cells...)
	}
	for t := l.first; t != nil; t = t.next {
		show(t, -1, -1)
	}
	for _, q := range l.queues {
		index := 0
		for t := q.first; t != nil; t = t.next {
			show(t, q.index, index)
			index++
		}
	}
}
