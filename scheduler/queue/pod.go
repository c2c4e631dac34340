package queue

import (
	"container/list"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// Pod is a pod in the queue with its history of attempts.
type Pod struct {
	*state.PodInfo
	Attempts int
	// Refused names the plugins that found no node at the last attempt; only events that concern them help.
	Refused sets.Set[string]
	// Pending names the plugins that wait for something outside.
	Pending sets.Set[string]

	added         time.Time // into the queue this time
	first         *time.Time
	backoffUntil  time.Time
	unschedulable int // attempts that found no node
	errors        int // attempts in a row that failed otherwise
	gate          string
	held          string // by the plugin that does something for it
	where         place
	index         int    // in its heap
	seen          uint64 // events before the attempt
	changed       bool   // what it waits for may have come during the attempt
	calm          bool   // its backoff does not end early
	waits         time.Time
	aging         *list.Element // of those that wait for an event
	flushed       bool          // tried because it had waited for long
}

type place int

const (
	nowhere place = iota
	active
	backingOff
	waiting
	inFlight
)

var _ fwk.QueuedPodInfo = &Pod{}

// GetPodInfo implements fwk.QueuedPodInfo.
func (p *Pod) GetPodInfo() fwk.PodInfo { return p.PodInfo }

// GetTimestamp implements fwk.QueuedPodInfo.
func (p *Pod) GetTimestamp() time.Time { return p.added }

// GetAttempts implements fwk.QueuedPodInfo.
func (p *Pod) GetAttempts() int { return p.Attempts }

// GetBackoffExpiration implements fwk.QueuedPodInfo.
func (p *Pod) GetBackoffExpiration() time.Time { return p.backoffUntil }

// GetUnschedulableCount implements fwk.QueuedPodInfo.
func (p *Pod) GetUnschedulableCount() int { return p.unschedulable }

// GetConsecutiveErrorsCount implements fwk.QueuedPodInfo.
func (p *Pod) GetConsecutiveErrorsCount() int { return p.errors }

// GetInitialAttemptTimestamp implements fwk.QueuedPodInfo.
func (p *Pod) GetInitialAttemptTimestamp() *time.Time { return p.first }

// GetUnschedulablePlugins implements fwk.QueuedPodInfo.
func (p *Pod) GetUnschedulablePlugins() sets.Set[string] { return p.Refused }

// GetPendingPlugins implements fwk.QueuedPodInfo.
func (p *Pod) GetPendingPlugins() sets.Set[string] { return p.Pending }

// GetGatingPlugin implements fwk.QueuedPodInfo.
func (p *Pod) GetGatingPlugin() string { return p.gate }

// GetGatingPluginEvents implements fwk.QueuedPodInfo.
func (p *Pod) GetGatingPluginEvents() []fwk.ClusterEvent { return nil }

// Flushed says that the pod is tried because it has waited for long, and not because anything happened.
func (p *Pod) Flushed() bool { return p.flushed }
