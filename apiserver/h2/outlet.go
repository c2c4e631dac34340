package h2

// Outlet is what a handler's http.ResponseWriter is besides. It lets one goroutine serve answers of one connection that last, where each of
// them is for one goroutine at a time.
type Outlet interface {
	// Gather puts what was written into frames, to be sent by the next Send of any answer of the connection. It returns false and
	// leaves all as it is when that could not be without waiting; flushing waits.
	Gather() bool
	// Send sends what was gathered. It does not wait for the client.
	Send()
	// Common returns what the answers of the connection have in common: what the first one made.
	Common(make func() any) any
}

// Gather implements Outlet.
func (w *response) Gather() bool {
	if w.over || !w.sent {
		return false
	}
	if w.buffer == nil {
		return true
	}
	st, c := w.st, w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	size := int64(len(*w.buffer))
	if st.unable() != nil || st.window < size || c.window < size || c.waiting > 0 || c.full() {
		return false
	}
	return w.send(nil, false) == nil
}

// Send implements Outlet.
func (w *response) Send() {
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
}

// Common implements Outlet.
func (w *response) Common(make func() any) any {
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.common == nil {
		c.common = make()
	}
	return c.common
}
