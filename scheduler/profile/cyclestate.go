package profile

import (
	"sync"

	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
)

// CycleState is what plugins share during one attempt to schedule one pod.
type CycleState struct {
	data                                            sync.Map // StateKey to StateData
	skipFilter, skipScore, skipPreBind, parallelPre sets.Set[string]
	group                                           fwk.PodGroupCycleState
}

var _ fwk.CycleState = &CycleState{}

// ShouldRecordPluginMetrics implements fwk.CycleState.
func (c *CycleState) ShouldRecordPluginMetrics() bool { return false }

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

// Read implements fwk.CycleState.
func (c *CycleState) Read(key fwk.StateKey) (fwk.StateData, error) {
	if value, ok := c.data.Load(key); ok {
		return value.(fwk.StateData), nil
	}
	return nil, fwk.ErrNotFound
}

// Write implements fwk.CycleState.
func (c *CycleState) Write(key fwk.StateKey, value fwk.StateData) { c.data.Store(key, value) }

// Delete implements fwk.CycleState.
func (c *CycleState) Delete(key fwk.StateKey) { c.data.Delete(key) }

// Clone implements fwk.CycleState.
func (c *CycleState) Clone() fwk.CycleState {
	next := &CycleState{skipFilter: c.skipFilter, skipScore: c.skipScore, skipPreBind: c.skipPreBind, parallelPre: c.parallelPre, group: c.group}
	c.data.Range(func(key, value any) bool {
		next.data.Store(key, value.(fwk.StateData).Clone())
		return true
	})
	return next
}

// IsPodGroupSchedulingCycle implements fwk.CycleState.
func (c *CycleState) IsPodGroupSchedulingCycle() bool { return c.group != nil }

// GetPodGroupSchedulingCycle implements fwk.CycleState.
func (c *CycleState) GetPodGroupSchedulingCycle() fwk.PodGroupCycleState { return c.group }

// SetPodGroupSchedulingCycle implements fwk.CycleState.
func (c *CycleState) SetPodGroupSchedulingCycle(group fwk.PodGroupCycleState) { c.group = group }
