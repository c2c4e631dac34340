package machines

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start starts a command on the machine. Where the command asks to be killed with its parent, the thread that is its
// parent is kept for it.
func (m *Machine) Start(command *exec.Cmd) error {
	group, err := m.own().open()
	if err != nil {
		return err
	}
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	if group != nil {
		defer group.Close()
		command.SysProcAttr.UseCgroupFD, command.SysProcAttr.CgroupFD = true, int(group.Fd())
	}
	started := make(chan error, 2)
	go func() {
		err := m.Enter(func() error {
			err := m.own().bornInside(command.Start)
			started <- err
			if err == nil && command.SysProcAttr.Pdeathsig != 0 {
				awaitExit(command.Process.Pid)
			}
			return err
		})
		if err != nil {
			started <- err
		}
	}()
	return <-started
}

// Start starts a command that is to be killed with its parent: the kernel takes the thread that made it for that, so the thread is kept for
// it until it has ended. On a thread of anybody's it would be killed as soon as that ends, as those do that have entered a machine.
func Start(command *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			awaitExit(command.Process.Pid)
		}
	}()
	return <-started
}

// awaitExit waits for the end of a child that somebody else reaps.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// Enter runs f on a thread that is on the machine: in its network, its mounts and its host name.
func (m *Machine) Enter(f func() error) error {
	return inside(m.Switch.Dir(), m.Name, unix.CLONE_NEWNET|unix.CLONE_NEWNS|unix.CLONE_NEWUTS, f)
}

// Dial opens a connection from the machine: it sees the machine's routes and rules. The address is an IP and a port. A
// socket belongs to the network of the thread that makes it.
func (m *Machine) Dial(ctx context.Context, network, address string) (connection net.Conn, err error) {
	err = inside(m.Switch.Dir(), m.Name, unix.CLONE_NEWNET, func() error {
		connection, err = (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, address)
		return err
	})
	return connection, err
}

// enter moves a shell into the control groups $PROCS and makes it a command in the namespaces of the arguments.
const enter = `for procs in $PROCS; do echo $$ > "$procs"; done; exec nsenter "$@"`

// Command is a command on the machine for those who start it themselves. It needs sh and nsenter.
func (m *Machine) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	words := []string{"-c", enter, "sh", "--net=" + m.pin("net"), "--mount=" + m.pin("mnt"), "--uts=" + m.pin("uts"), "--", name}
	command := exec.CommandContext(ctx, "sh", append(words, args...)...)
	var procs []string
	for _, dir := range m.own().dirs() {
		procs = append(procs, filepath.Join(dir, "cgroup.procs"))
	}
	command.Env = append(os.Environ(), "PROCS="+strings.Join(procs, " "))
	return command
}
