package h2

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
)

// lasting are two answers of one connection that last until over is closed. Their heads have been read.
func lasting(t *testing.T) (p *peer, network *pipes, answers []http.ResponseWriter, over func()) {
	t.Helper()
	begun, end := make(chan http.ResponseWriter, 2), make(chan struct{})
	p, network, _ = onPipes(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		begun <- w
		<-end
	})
	p.expectSettings()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		p.request(1, false)
		p.request(3, false)
	}()
	for range 2 {
		if got := p.next(); !strings.HasPrefix(got, "HEADERS") {
			t.Fatal(got)
		}
	}
	<-asked
	answers = []http.ResponseWriter{<-begun, <-begun}
	synctest.Wait()
	return p, network, answers, func() {
		close(end)
		go func() { _, _ = io.Copy(io.Discard, p.conn) }()
		synctest.Wait()
	}
}

func TestWhatIsGatheredIsSentTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, network, answers, over := lasting(t)
		defer over()
		before := network.writes.Load()
		for _, w := range answers {
			if _, err := io.WriteString(w, "event"); err != nil || !w.(Outlet).Gather() {
				t.Fatal("an event was not gathered", err)
			}
		}
		synctest.Wait()
		if writes := network.writes.Load() - before; writes > 0 {
			t.Errorf("%d pieces were sent without having been asked for", writes)
		}
		answers[1].(Outlet).Send()
		for range answers {
			if got := p.next(); !strings.Contains(got, "event") {
				t.Fatal(got)
			}
		}
		if writes := network.writes.Load() - before; writes != 1 {
			t.Errorf("they were sent in %d pieces", writes)
		}
	})
}

// What the client's window has no room for is not gathered, and flushing waits for it.
func TestNothingIsGatheredWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, answers, over := lasting(t)
		defer over()
		w, most := answers[0], make([]byte, bufferSize)
		gathered := 0
		for gathered <= startWindow {
			if _, err := w.Write(most); err != nil {
				t.Fatal(err)
			}
			if !w.(Outlet).Gather() {
				break
			}
			gathered += len(most)
		}
		if gathered != startWindow/bufferSize*bufferSize {
			t.Errorf("%d bytes were gathered for a window of %d", gathered, startWindow)
		}
		flushed := make(chan error, 1)
		go func() { flushed <- http.NewResponseController(w).Flush() }()
		wanted := gathered + len(most)
		for got := 0; got < wanted; {
			frame, err := p.framer.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			f, ok := frame.(*http2.DataFrame)
			if !ok {
				continue
			}
			if got += len(f.Data()); got == startWindow {
				p.check(p.framer.WriteWindowUpdate(0, 1<<20))
			}
		}
		if err := <-flushed; err != nil {
			t.Error(err)
		}
	})
}

func TestAnswersOfAConnectionHaveOneThingInCommon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, answers, over := lasting(t)
		defer over()
		first := answers[0].(Outlet).Common(func() any { return new(bytes.Buffer) })
		if answers[1].(Outlet).Common(func() any { return nil }) != first {
			t.Error("they have not")
		}
	})
}
