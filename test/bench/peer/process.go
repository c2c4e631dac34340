package peer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/coxswain-k8s/coxswain/cluster/machines"
)

// tailSize is how much of a log an error shows.
const tailSize = 2000

// process is a program that was started and, one day, ends.
type process struct {
	command *exec.Cmd
	line    string
	log     string
	ended   chan struct{}
	result  error // valid when ended is closed
}

func startProcess(command *exec.Cmd, log string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	command.Stdout, command.Stderr = out, out
	// Its own group, so that a Ctrl-C reaches this program alone; and it does not outlive it.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := machines.Start(command); err != nil {
		return nil, fmt.Errorf("starting %s: %w", command.Path, err)
	}
	p := &process{command: command, log: log, ended: make(chan struct{})}
	go func() {
		p.result = command.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) name() string { return strings.TrimSuffix(filepath.Base(p.log), ".log") }

// over says whether it has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// stop asks the process to end, and kills its group when it has not within the limit.
func (p *process) stop(signal syscall.Signal, limit time.Duration) {
	if p.over() {
		return
	}
	_ = p.command.Process.Signal(signal)
	select {
	case <-p.ended:
	case <-time.After(limit):
		_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
}

// tail is the end of what it has written.
func (p *process) tail() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-tailSize):])
}
