package admission

// Reinvocation lets mutators see what those behind them did: when one that calls out changes the object, the whole chain is asked
// a second time, and never a third.
type Reinvocation struct {
	wanted, running bool
	memory          map[string]any
}

// Request asks for the second round.
func (r *Reinvocation) Request() { r.wanted = true }

// Running says that this is the second round.
func (r *Reinvocation) Running() bool { return r.running }

// Remember returns what a plugin keeps from the first round to the second, made by fresh when it is first asked for.
func (r *Reinvocation) Remember(plugin string, fresh func() any) any {
	kept, ok := r.memory[plugin]
	if !ok {
		kept = fresh()
		if r.memory == nil {
			r.memory = map[string]any{}
		}
		r.memory[plugin] = kept
	}
	return kept
}
