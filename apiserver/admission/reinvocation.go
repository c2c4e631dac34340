package admission

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
)

// Reinvocation lets mutators see what those behind them did: when one that calls out changes the object, the whole chain is asked
// a second time, and never a third.
type Reinvocation struct {
	wanted, running bool
	rounds          map[string]*Rounds
}

// Rounds is what a plugin with several mutators of its own keeps from the first round to the second.
type Rounds struct {
	whole *Reinvocation
	// asked are those that want to be asked again when the object changes after them, and again those that will be.
	asked, again map[string]bool
	output       runtime.Object // as the last of them left it
}

// Begin starts a plugin's part of a round. What plugins before it changed since its last part counts as a change.
func (r *Reinvocation) Begin(plugin string, now runtime.Object) *Rounds {
	kept := r.rounds[plugin]
	if kept == nil {
		kept = &Rounds{whole: r, asked: map[string]bool{}, again: map[string]bool{}}
		if r.rounds == nil {
			r.rounds = map[string]*Rounds{}
		}
		r.rounds[plugin] = kept
	}
	if r.running && !equality.Semantic.DeepEqual(kept.output, now) {
		kept.recall()
	}
	return kept
}

// Round is 0 the first time, and 1 the second.
func (r *Reinvocation) Round() int {
	if r.running {
		return 1
	}
	return 0
}

// End notes how the plugin leaves the object.
func (r *Rounds) End(now runtime.Object) {
	if now != nil {
		r.output = now.DeepCopyObject()
	}
}

// Skips says that a mutator has had its say.
func (r *Rounds) Skips(id string) bool { return r.whole.running && !r.again[id] }

// Asked notes that a mutator was asked that wants to be asked again.
func (r *Rounds) Asked(id string) { r.asked[id] = true }

// Changed notes that a mutator changed the object: those before it are asked again, and so are all plugins.
func (r *Rounds) Changed() {
	r.recall()
	r.whole.wanted = true
}

func (r *Rounds) recall() {
	for id := range r.asked {
		r.again[id] = true
	}
	clear(r.asked)
}
