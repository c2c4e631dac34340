package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/yaml"
)

// Programs that run on a node, by the names of their commands, data folders and logs.
const (
	server = "server"
	agent  = "agent"
)

const kubeletFile = "kubelet.yaml"

// KubeletConfiguration of a node that shares the disk of its machine with others. The disk is its owner's to fill: that it
// fills up must not empty the cluster.
const KubeletConfiguration = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
evictionHard: {memory.available: 100Mi, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}
imageGCHighThresholdPercent: 100
`

// process is one of a node's programs that this process has started.
type process struct {
	name  string
	log   string
	begin int64 // where in the log this run begins
	ended chan error
}

func (n *Node) path(elements ...string) string {
	return filepath.Join(append([]string{n.fleet.Dir, n.Name()}, elements...)...)
}

// start starts a program of the node, which goes on when this process ends.
func (n *Node) start(program string, config map[string]any) (*process, error) {
	text, err := yaml.Marshal(config)
	if err != nil {
		return nil, err
	}
	file := n.path(program + ".yaml")
	if err := errors.Join(os.MkdirAll(n.path(), 0o700), os.WriteFile(file, text, 0o600), os.WriteFile(n.path(kubeletFile), []byte(KubeletConfiguration), 0o600)); err != nil {
		return nil, fmt.Errorf("configuring the %s of %s: %w", program, n.Name(), err)
	}
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: program + " of " + n.Name(), log: n.path(program + ".log"), ended: make(chan error, 1)}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if info, err := log.Stat(); err == nil {
		p.begin = info.Size()
	}
	command := exec.Command(executable, program, "--config", file)
	command.Dir, command.Stdout, command.Stderr = "/", log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := n.machine.Start(command); err != nil {
		return nil, fmt.Errorf("starting the %s: %w", p.name, err)
	}
	born, err := birth(command.Process.Pid)
	if err != nil {
		return nil, fmt.Errorf("starting the %s: %w", p.name, err)
	}
	go func() { p.ended <- command.Wait() }()
	return p, os.WriteFile(n.path(program+".pid"), fmt.Appendf(nil, "%d %s\n", command.Process.Pid, born), 0o600)
}

// said is what the process has written, of which the end is enough.
func (p *process) said() string {
	const enough = 4096
	data, err := os.ReadFile(p.log)
	if err != nil || int64(len(data)) < p.begin {
		return ""
	}
	data = data[p.begin:]
	if len(data) > enough {
		data = data[len(data)-enough:]
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			data = data[i+1:]
		}
	}
	return string(data)
}

// failure says that the process has ended although nobody asked it to. It wraps no exit status: that is for programs
// which this process is.
func (p *process) failure(err error) error {
	how := "exit status 0"
	if err != nil {
		how = err.Error()
	}
	return fmt.Errorf("the %s ended: %s; %s ends with:\n%s", p.name, how, p.log, strings.TrimSpace(p.said()))
}

// pid of a program of the node, or 0 if it does not run. Another process may have got its number since.
func (n *Node) pid(program string) int {
	data, err := os.ReadFile(n.path(program + ".pid"))
	fields := strings.Fields(string(data))
	if err != nil || len(fields) != 2 {
		return 0
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil {
		return 0
	}
	if born, err := birth(pid); err != nil || born != fields[1] {
		return 0
	}
	return pid
}

// birth is when a process was started, in the kernel's count, and an error for one that has ended.
func birth(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The name in parentheses may hold anything; the state is the field after it, and the start the twentieth.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "", fs.ErrNotExist
	}
	return fields[19], nil
}

// terminate asks a program of the node to end, and returns when it has or when patience is over.
func (n *Node) terminate(program string, patience time.Duration) {
	pid := n.pid(program)
	if pid == 0 {
		return
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0) == nil {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds())) //nolint:gosec // a descriptor fits
	}
}
