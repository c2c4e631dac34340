package env

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/coxswain-k8s/coxswain/cluster/machines"
)

// process is a program on a machine, which can be started again after its end.
type process struct {
	what    string // it is, in errors
	command *exec.Cmd
	output  *buffer
	past    string // what those before it wrote
	ended   chan error
}

func newProcess(what string) process {
	return process{what: what, output: &buffer{ready: make(chan struct{})}}
}

// launch starts it and waits for nothing. It ends with this process, if not before.
func (p *process) launch(command *exec.Cmd) error {
	p.past += p.output.String()
	p.command, p.output = command, &buffer{ready: make(chan struct{})}
	command.Stdout, command.Stderr = p.output, p.output
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := machines.Start(command); err != nil {
		return fmt.Errorf("starting the %s: %w", p.what, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	p.ended = ended
	return nil
}

// waitReady returns when it has said that it is ready.
func (p *process) waitReady(ctx context.Context) error {
	select {
	case <-p.output.ready:
		return nil
	case err := <-p.ended:
		p.ended <- err
		return fmt.Errorf("the %s ended: %w:\n%s", p.what, err, p.output)
	case <-ctx.Done():
		return fmt.Errorf("the %s is not ready: %w:\n%s", p.what, ctx.Err(), p.output)
	}
}

// Stop sends it a signal, and returns how long it took to end.
func (p *process) Stop(signal os.Signal) (time.Duration, error) {
	started := time.Now()
	if err := p.command.Process.Signal(signal); err != nil {
		return 0, err
	}
	err := <-p.ended
	p.ended <- err
	if signal == os.Kill {
		err = nil
	}
	return time.Since(started), err
}

// Running says whether it was started and has not ended yet.
func (p *process) Running() bool { return p.command != nil && len(p.ended) == 0 }

// Log is what it, and those before it, have written so far.
func (p *process) Log() string { return p.past + p.output.String() }

// buffer keeps what a program writes, and closes ready when it says that it is.
type buffer struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan struct{}
	told  bool
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Write(p)
	if !b.told && bytes.Contains(b.text.Bytes(), []byte("ready in ")) {
		b.told = true
		close(b.ready)
	}
	return len(p), nil
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
