package local

import (
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/coxswain-k8s/coxswain/cluster/datadir"
	"github.com/coxswain-k8s/coxswain/cluster/programs"
)

// Programs is the folder of the programs that this executable carries, unpacked.
func Programs() (string, error) { return programs.Unpacked(datadir.Programs(DataDir())) }

// Program is a command of one of the programs that this executable carries.
func Program(name string, args []string) (*exec.Cmd, error) {
	dir, err := Programs()
	if err != nil {
		return nil, err
	}
	return exec.Command(filepath.Join(dir, name), args...), nil
}

// Become turns this process into the program: its terminal, signals, memory and exit code are the program's own, and
// whoever kills the process leaves nothing behind. It returns only when that fails.
func Become(program *exec.Cmd) error {
	if program.Err != nil {
		return program.Err
	}
	return syscall.Exec(program.Path, program.Args, program.Environ())
}
