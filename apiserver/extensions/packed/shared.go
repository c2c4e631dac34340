package packed

import (
	"sync"
	"weak"
)

// Shared lets those who need the same encoding at the same time, the watchers of an event, make it once. It keeps none that nobody uses.
// Its zero value is ready.
type Shared struct {
	mu   sync.Mutex
	last map[string]*sharedEncoding // the last one of each form
}

type sharedEncoding struct {
	of   any
	mu   sync.Mutex
	data weak.Pointer[[]byte]
}

// Encoding returns what make makes of something in a form. Until it is garbage, it is what all get who ask for the same.
func (s *Shared) Encoding(of any, form string, make func() ([]byte, error)) ([]byte, error) {
	one := s.at(of, form)
	one.mu.Lock()
	defer one.mu.Unlock()
	if data := one.data.Value(); data != nil {
		return *data, nil
	}
	data, err := make()
	if err != nil {
		return nil, err
	}
	one.data = weak.Make(&data)
	return data, nil
}

func (s *Shared) at(of any, form string) *sharedEncoding {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.last[form]; one != nil && one.of == of {
		return one
	}
	if s.last == nil {
		s.last = map[string]*sharedEncoding{}
	}
	one := &sharedEncoding{of: of}
	s.last[form] = one
	return one
}
