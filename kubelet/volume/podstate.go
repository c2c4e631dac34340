package volume

import (
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// retryAfter is when a pod is told again that its tokens are due, should it not have refreshed them.
const retryAfter = time.Minute

// podState is what the manager remembers of one pod between Setup and Teardown.
type podState struct {
	mu      sync.Mutex // serializes the calls for this pod
	watches map[Ref]func()
	tokens  map[tokenKey]token

	mounts map[string]Mount // what Setup gave, by volume name; guarded by Manager.mu
	due    time.Time        // when the first token is due, zero for never; guarded by Manager.mu
}

// watchRefs watches what the pod refers to now and stops watching what it no longer refers to.
func (m *Manager) watchRefs(uid types.UID, state *podState, refs map[Ref]bool) {
	for ref, stop := range state.watches {
		if !refs[ref] {
			stop()
			delete(state.watches, ref)
		}
	}
	for ref := range refs {
		if _, ok := state.watches[ref]; !ok && m.Objects != nil {
			state.watches[ref] = m.Objects.Watch(ref, func() { m.notify(uid) })
		}
	}
}

func (m *Manager) remember(state *podState, mounts map[string]Mount) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(state.mounts, mounts)
}

func (s *podState) unwatch(ref Ref) {
	if stop, ok := s.watches[ref]; ok {
		stop()
		delete(s.watches, ref)
	}
}

func (m *Manager) notify(uid types.UID) {
	if m.NeedsRefresh != nil {
		m.NeedsRefresh(uid)
	}
}

// schedule arms the one timer of all pods for the first token that grows old.
func (m *Manager) schedule(state *podState) {
	var due time.Time
	for _, token := range state.tokens {
		if due.IsZero() || token.due.Before(due) {
			due = token.due
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	state.due = due
	m.arm()
}

// arm is called with mu held.
func (m *Manager) arm() {
	var first time.Time
	for _, state := range m.pods {
		if !state.due.IsZero() && (first.IsZero() || state.due.Before(first)) {
			first = state.due
		}
	}
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	if !first.IsZero() {
		m.timer = m.clock().AfterFunc(max(first.Sub(m.clock().Now()), 0), func() { go m.tokensDue() }) // a fake clock calls with its lock held
	}
}

// Close stops watching and waiting; what is set up stays, for the next process to find.
func (m *Manager) Close() {
	m.mu.Lock()
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	pods := m.pods
	m.pods = nil
	m.mu.Unlock()
	for uid, state := range pods {
		state.mu.Lock()
		m.watchRefs(uid, state, nil)
		state.mu.Unlock()
	}
}

func (m *Manager) tokensDue() {
	now := m.clock().Now()
	var due []types.UID
	m.mu.Lock()
	for uid, state := range m.pods {
		if !state.due.IsZero() && !state.due.After(now) {
			due = append(due, uid)
			state.due = now.Add(retryAfter)
		}
	}
	m.arm()
	m.mu.Unlock()
	for _, uid := range due {
		m.notify(uid)
	}
}

const (
	kindConfigMap = "ConfigMap"
	kindSecret    = "Secret"
)

// references lists the ConfigMaps and Secrets whose content the used volumes of the pod show.
func references(pod *corev1.Pod, used map[string]bool) map[Ref]bool {
	refs := map[Ref]bool{}
	add := func(kind, name string) {
		refs[Ref{Kind: kind, Namespace: pod.Namespace, Name: name}] = true
	}
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		if !used[volume.Name] {
			continue
		}
		if volume.ConfigMap != nil {
			add(kindConfigMap, volume.ConfigMap.Name)
		}
		if volume.Secret != nil {
			add(kindSecret, volume.Secret.SecretName)
		}
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.ConfigMap != nil {
				add(kindConfigMap, source.ConfigMap.Name)
			}
			if source.Secret != nil {
				add(kindSecret, source.Secret.Name)
			}
		}
	}
	return refs
}
