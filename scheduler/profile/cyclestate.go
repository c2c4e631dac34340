package profile

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
)

// CycleState is what plugins share during one attempt to schedule one pod.
type CycleState struct {
	// Sampled says that each plugin is timed in this cycle.
	Sampled bool

	mu                                              sync.RWMutex
	data                                            []written // few: searched from the front
	skipFilter, skipScore, skipPreBind, parallelPre sets.Set[string]
	group                                           fwk.PodGroupCycleState
	filters                                         []filtering // that do not skip
	local                                           int         // of these, the leading ones that are Local
	rest                                            [][]judge   // what the others ask of labels, made when somebody asks
}

type written struct {
	key   fwk.StateKey
	value fwk.StateData
}

var _ fwk.CycleState = &CycleState{}

// ShouldRecordPluginMetrics implements fwk.CycleState.
func (c *CycleState) ShouldRecordPluginMetrics() bool { return c.Sampled }

// GetSkipFilterPlugins implements fwk.CycleState.
func (c *CycleState) GetSkipFilterPlugins() sets.Set[string] { return c.skipFilter }

// SetSkipFilterPlugins implements fwk.CycleState.
func (c *CycleState) SetSkipFilterPlugins(plugins sets.Set[string]) { c.skipFilter = plugins }

// GetSkipScorePlugins implements fwk.CycleState.
func (c *CycleState) GetSkipScorePlugins() sets.Set[string] { return c.skipScore }

// SetSkipScorePlugins implements fwk.CycleState.
func (c *CycleState) SetSkipScorePlugins(plugins sets.Set[string]) { c.skipScore = plugins }

// GetSkipPreBindPlugins implements fwk.CycleState.
func (c *CycleState) GetSkipPreBindPlugins() sets.Set[string] { return c.skipPreBind }

// SetSkipPreBindPlugins implements fwk.CycleState.
func (c *CycleState) SetSkipPreBindPlugins(plugins sets.Set[string]) { c.skipPreBind = plugins }

// GetParallelPreBindPlugins implements fwk.CycleState.
func (c *CycleState) GetParallelPreBindPlugins() sets.Set[string] { return c.parallelPre }

// SetParallelPreBindPlugins implements fwk.CycleState.
func (c *CycleState) SetParallelPreBindPlugins(plugins sets.Set[string]) { c.parallelPre = plugins }

// ShouldSkipAllPostFilterPlugins implements fwk.CycleState.
func (c *CycleState) ShouldSkipAllPostFilterPlugins() bool { return false }

// setFilters notes which filters do not skip.
func (c *CycleState) setFilters(all []filtering) {
	c.filters, c.local, c.rest = make([]filtering, 0, len(all)), 0, nil
	for _, plugin := range all {
		if c.skipFilter.Has(plugin.Name()) {
			continue
		}
		if _, local := plugin.FilterPlugin.(Local); local && c.local == len(c.filters) {
			c.local++
		}
		c.filters = append(c.filters, plugin)
	}
}

// Local is how many local filters are asked before any other.
func (c *CycleState) Local() int { return c.local }

// OnlyLocal says whether all filters that do not skip are local.
func (c *CycleState) OnlyLocal() bool { return c.filters != nil && c.local == len(c.filters) }

// Read implements fwk.CycleState.
func (c *CycleState) Read(key fwk.StateKey) (fwk.StateData, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if i := c.index(key); i >= 0 {
		return c.data[i].value, nil
	}
	return nil, fwk.ErrNotFound
}

// Write implements fwk.CycleState.
func (c *CycleState) Write(key fwk.StateKey, value fwk.StateData) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.index(key); i >= 0 {
		c.data[i].value = value
		return
	}
	c.data = append(c.data, written{key, value})
}

// Delete implements fwk.CycleState.
func (c *CycleState) Delete(key fwk.StateKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.index(key); i >= 0 {
		c.data = slices.Delete(c.data, i, i+1)
	}
}

func (c *CycleState) index(key fwk.StateKey) int {
	return slices.IndexFunc(c.data, func(w written) bool { return w.key == key })
}

// Clone implements fwk.CycleState.
func (c *CycleState) Clone() fwk.CycleState {
	c.mu.RLock()
	defer c.mu.RUnlock()
	next := &CycleState{Sampled: c.Sampled, skipFilter: c.skipFilter, skipScore: c.skipScore, skipPreBind: c.skipPreBind, parallelPre: c.parallelPre, group: c.group, filters: c.filters, local: c.local}
	for _, w := range c.data {
		next.data = append(next.data, written{w.key, w.value.Clone()})
	}
	return next
}

// IsPodGroupSchedulingCycle implements fwk.CycleState.
func (c *CycleState) IsPodGroupSchedulingCycle() bool { return c.group != nil }

// GetPodGroupSchedulingCycle implements fwk.CycleState.
func (c *CycleState) GetPodGroupSchedulingCycle() fwk.PodGroupCycleState { return c.group }

// SetPodGroupSchedulingCycle implements fwk.CycleState.
func (c *CycleState) SetPodGroupSchedulingCycle(group fwk.PodGroupCycleState) { c.group = group }
