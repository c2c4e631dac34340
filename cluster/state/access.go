package state

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// Access is how etcdctl reaches the etcd of a server. It is kept in DataDir/etcdctl.env, which a shell can read.
type Access struct {
	Endpoints     []string
	CA, Cert, Key string
	// Outside says that the etcd is not this server's.
	Outside bool
}

// outsideMark stands in the file of an etcd elsewhere.
const outsideMark = "COXSWAIN_ETCD_OUTSIDE"

// ReadAccess returns that of the server that runs, or ran last, on a data folder.
func ReadAccess(dataDir string) (Access, error) {
	file, err := os.Open(accessFile(dataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return Access{Endpoints: []string{endpoint(dataDir)}}, nil
	}
	if err != nil {
		return Access{}, fmt.Errorf("finding out how to reach etcd: %w", err)
	}
	defer file.Close()
	var a Access
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.Trim(value, "'")
		switch name {
		case "ETCDCTL_ENDPOINTS":
			a.Endpoints = strings.Split(value, ",")
		case "ETCDCTL_CACERT":
			a.CA = value
		case "ETCDCTL_CERT":
			a.Cert = value
		case "ETCDCTL_KEY":
			a.Key = value
		case outsideMark:
			a.Outside = true
		}
	}
	return a, nil
}

// Environment is what etcdctl wants to be told.
func (a Access) Environment() map[string]string {
	all := map[string]string{
		"ETCDCTL_ENDPOINTS": strings.Join(a.Endpoints, ","), "ETCDCTL_CACERT": a.CA, "ETCDCTL_CERT": a.Cert, "ETCDCTL_KEY": a.Key,
	}
	for name, value := range all {
		if value == "" {
			delete(all, name)
		}
	}
	return all
}

func (a Access) write(dataDir string) error {
	var text strings.Builder
	for _, name := range []string{"ETCDCTL_ENDPOINTS", "ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY"} {
		if value, ok := a.Environment()[name]; ok {
			fmt.Fprintf(&text, "%s='%s'\n", name, value)
		}
	}
	if a.Outside {
		text.WriteString(outsideMark + "=true\n")
	}
	if err := os.WriteFile(accessFile(dataDir), []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("writing how to reach etcd: %w", err)
	}
	return nil
}

// isDefault says whether it is what ReadAccess returns where there is no file.
func (a Access) isDefault(dataDir string) bool {
	return !a.Outside && a.TLS() == nil && len(a.Endpoints) == 1 && a.Endpoints[0] == endpoint(dataDir)
}

// forgetAccess removes what an earlier server left.
func forgetAccess(dataDir string) error {
	if err := os.Remove(accessFile(dataDir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing how to reach etcd: %w", err)
	}
	return nil
}

func accessFile(dataDir string) string { return filepath.Join(dataDir, "etcdctl.env") }

// TLS is nil where the endpoints want none.
func (a Access) TLS() *etcd.TLS {
	if a.CA == "" && a.Cert == "" {
		return nil
	}
	return &etcd.TLS{CA: a.CA, Cert: a.Cert, Key: a.Key}
}
