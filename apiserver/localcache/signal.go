package localcache

import "sync"

// signal is something that happens once and can be waited for, as client-go's toolscache.DoneChecker.
type signal struct {
	name string
	once sync.Once
	done chan struct{}
}

func newSignal(name string) *signal { return &signal{name: name, done: make(chan struct{})} }

// Name implements toolscache.DoneChecker.
func (s *signal) Name() string { return s.name }

// Done implements toolscache.DoneChecker.
func (s *signal) Done() <-chan struct{} { return s.done }

func (s *signal) set() { s.once.Do(func() { close(s.done) }) }
