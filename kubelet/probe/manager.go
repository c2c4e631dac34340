package probe

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// Kind is one of the three questions.
type Kind int

// The kinds, in the order in which they matter: nothing else is asked until a container has started.
const (
	Startup Kind = iota
	Liveness
	Readiness
)

// String is the kind's name as events say it.
func (k Kind) String() string { return [...]string{"Startup", "Liveness", "Readiness"}[k] }

// Target is one running container.
type Target struct {
	Pod       *corev1.Pod
	Container *corev1.Container
	ID        string
	StartedAt time.Time
	IP        string
	// WasStarted and WasReady are the verdicts of an earlier life of the kubelet on the same container.
	WasStarted, WasReady bool
}

// Warning is a failed probe, to be told in an event.
type Warning struct {
	Pod       *corev1.Pod
	Container *corev1.Container
	Message   string
}

// Manager runs the probes of the node's containers. Its exported fields are inputs.
type Manager struct {
	// Exec runs a command in a container and returns its output and exit code.
	Exec func(ctx context.Context, containerID string, command []string, timeout time.Duration) (string, int, error)
	// Changed is called when a verdict of a pod's container changed. It must not block.
	Changed func(pod types.UID)
	// Warn is called for each failed probe. It must not block.
	Warn  func(Warning)
	Clock clock.WithTicker
	// UserAgent of HTTP and gRPC probes, "kube-probe/1.36".
	UserAgent string

	mu         sync.Mutex
	containers map[string]*container // by container id
	due        queue
	kick       chan struct{}
	wg         sync.WaitGroup
}

// container is one running container and its probes.
type container struct {
	target  Target
	started bool
	ready   bool
	failed  *Kind // the probe that says the container must be restarted
	probes  []*probe
}

// probe is one question to one container.
type probe struct {
	c                   *container
	kind                Kind
	spec                *corev1.Probe
	at                  time.Time
	index               int // in the queue, or -1
	successes, failures int32
}

// Run runs what is due until ctx ends, and returns when all probes have.
func (m *Manager) Run(ctx context.Context) error {
	m.mu.Lock()
	kick := m.kicker()
	m.mu.Unlock()
	for {
		wait := m.runDue(ctx)
		var timer clock.Timer
		var fire <-chan time.Time
		if wait >= 0 {
			timer = m.Clock.NewTimer(wait)
			fire = timer.C()
		}
		select {
		case <-ctx.Done():
			m.wg.Wait()
			return nil
		case <-kick:
		case <-fire:
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

func (m *Manager) kicker() chan struct{} {
	if m.kick == nil {
		m.kick = make(chan struct{}, 1)
	}
	return m.kick
}

// runDue starts the probes that are due and returns how long it is until the next one, or -1.
func (m *Manager) runDue(ctx context.Context) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.Clock.Now()
	for len(m.due) > 0 {
		p := m.due[0]
		if wait := p.at.Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&m.due)
		m.wg.Go(func() { m.ask(ctx, p) })
	}
	return -1
}

// Sync tells which containers of a pod run now. Probes of others end.
func (m *Manager) Sync(pod types.UID, running []Target) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.containers == nil {
		m.containers = map[string]*container{}
	}
	live := make(map[string]bool, len(running))
	for _, t := range running {
		live[t.ID] = true
		if c := m.containers[t.ID]; c != nil {
			c.target.Pod, c.target.IP = t.Pod, t.IP
			continue
		}
		m.add(t)
	}
	for id, c := range m.containers {
		if c.target.Pod.UID == pod && !live[id] {
			m.remove(id, c)
		}
	}
	select {
	case m.kicker() <- struct{}{}:
	default:
	}
}

// add starts the probes of a container. The caller holds mu.
func (m *Manager) add(t Target) {
	spec := t.Container
	c := &container{target: t, started: spec.StartupProbe == nil || t.WasStarted, ready: spec.ReadinessProbe == nil || t.WasReady}
	m.containers[t.ID] = c
	for kind, p := range []*corev1.Probe{spec.StartupProbe, spec.LivenessProbe, spec.ReadinessProbe} {
		if p == nil {
			continue
		}
		entry := &probe{c: c, kind: Kind(kind), spec: p, index: -1}
		c.probes = append(c.probes, entry)
		if entry.wanted() {
			m.schedule(entry, m.first(entry))
		}
	}
}

// wanted says whether a probe is asked now: startup until it succeeds, the others from then on.
func (p *probe) wanted() bool {
	if p.c.failed != nil {
		return false
	}
	return (p.kind == Startup) != p.c.started
}

// first is when a probe runs for the first time. A container that has been running for longer than a period, because
// the kubelet was restarted, is asked some time within the next period, so that not all are asked at once.
func (m *Manager) first(p *probe) time.Time {
	at := p.c.target.StartedAt.Add(seconds(p.spec.InitialDelaySeconds))
	now := m.Clock.Now()
	if now.Sub(at) > seconds(period(p.spec)) && (p.c.target.WasStarted || p.c.target.WasReady) {
		return now.Add(time.Duration(rand.Int64N(int64(seconds(period(p.spec))))))
	}
	if at.Before(now) {
		return now
	}
	return at
}

func (m *Manager) schedule(p *probe, at time.Time) {
	p.at = at
	if p.index >= 0 {
		heap.Fix(&m.due, p.index)
		return
	}
	heap.Push(&m.due, p)
}

// remove ends the probes of a container. The caller holds mu.
func (m *Manager) remove(id string, c *container) {
	delete(m.containers, id)
	for _, p := range c.probes {
		if p.index >= 0 {
			heap.Remove(&m.due, p.index)
		}
	}
}

// Forget ends all probes of a pod.
func (m *Manager) Forget(pod types.UID) { m.Sync(pod, nil) }

// Started says whether a container that runs has started.
func (m *Manager) Started(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.containers[id]
	return c != nil && c.started
}

// Ready says whether a container that runs is ready.
func (m *Manager) Ready(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.containers[id]
	return c != nil && c.started && c.ready
}

// Failed says whether a container must be restarted, and which probe says so.
func (m *Manager) Failed(id string) (Kind, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.containers[id]; c != nil && c.failed != nil {
		return *c.failed, true
	}
	return 0, false
}

// ask runs one probe, records the answer and plans the next one.
func (m *Manager) ask(ctx context.Context, p *probe) {
	m.mu.Lock()
	target := p.c.target
	m.mu.Unlock()
	begin := m.Clock.Now()
	a := m.run(ctx, p.spec, target)
	if ctx.Err() != nil {
		return
	}
	m.mu.Lock()
	if m.containers[target.ID] != p.c {
		m.mu.Unlock()
		return // the container ended meanwhile
	}
	changed := p.record(a.ok)
	for _, other := range p.c.probes {
		switch {
		case !other.wanted():
		case other == p:
			m.schedule(p, begin.Add(seconds(period(p.spec))))
		case other.index < 0 && changed && p.kind == Startup:
			m.schedule(other, m.first(other))
		}
	}
	m.mu.Unlock()
	select {
	case m.kicker() <- struct{}{}:
	default:
	}
	if !a.ok {
		m.Warn(Warning{Pod: target.Pod, Container: target.Container, Message: p.kind.String() + a.text})
	}
	if changed {
		m.Changed(target.Pod.UID)
	}
}

// record counts an answer and says whether the verdict on the container changed.
func (p *probe) record(ok bool) (changed bool) {
	if ok {
		p.failures = 0
		p.successes++
		if p.successes < max(p.spec.SuccessThreshold, 1) {
			return false
		}
		return p.c.pass(p.kind)
	}
	p.successes = 0
	p.failures++
	threshold := p.spec.FailureThreshold
	if threshold == 0 {
		threshold = 3
	}
	if p.failures < threshold {
		return false
	}
	return p.c.fail(p.kind)
}

func (c *container) pass(kind Kind) (changed bool) {
	switch kind {
	case Startup:
		changed, c.started = !c.started, true
	case Readiness:
		changed, c.ready = !c.ready, true
	}
	return changed
}

func (c *container) fail(kind Kind) (changed bool) {
	if kind == Readiness {
		changed, c.ready = c.ready, false
		return changed
	}
	changed = c.failed == nil
	c.failed = &kind
	return changed
}

func seconds[T int32 | int64](n T) time.Duration { return time.Duration(n) * time.Second }

func period(spec *corev1.Probe) int32 {
	if spec.PeriodSeconds == 0 {
		return 10
	}
	return spec.PeriodSeconds
}

// queue is a heap of probes by when they are due.
type queue []*probe

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is for container/heap.
func (q *queue) Push(x any) {
	p, _ := x.(*probe)
	p.index = len(*q)
	*q = append(*q, p)
}

// Pop is for container/heap.
func (q *queue) Pop() any {
	old := *q
	p := old[len(old)-1]
	p.index = -1
	*q = old[:len(old)-1]
	return p
}
