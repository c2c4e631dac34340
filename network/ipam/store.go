package ipam

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Attachment is one interface of one container (a pod's sandbox).
type Attachment struct {
	ContainerID string       `json:"containerID"`
	Interface   string       `json:"interface"`
	Namespace   string       `json:"namespace"`
	Addresses   []netip.Addr `json:"addresses"`
	// HostPorts are the ports of the node that lead to the container.
	HostPorts []HostPort `json:"hostPorts,omitempty"`
}

// HostPort leads from a port of the node to one of the container. The form is that of CNI's portMappings.
type HostPort struct {
	HostPort      uint16 `json:"hostPort"`
	ContainerPort uint16 `json:"containerPort"`
	Protocol      string `json:"protocol"`
	// HostIP confines the mapping to one of the node's addresses. Default: all of them.
	HostIP string `json:"hostIP,omitempty"`
}

// Key identifies an attachment.
type Key struct{ ContainerID, Interface string }

// ErrExhausted says that every address of a range is in use.
var ErrExhausted = errors.New("no free address")

// Store is the file with the state, open and locked. Close unlocks it.
type Store struct {
	folder string
	lock   *os.File
	state  state
}

type state struct {
	Attachments []Attachment `json:"attachments"`
	// Last is the address given out last in each range: the next search begins behind it, so that an address rests before it is used again.
	Last map[string]netip.Addr `json:"last,omitempty"`
}

// Open opens the store in the folder, which it makes if need be, and waits for its lock.
func Open(folder string) (*Store, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of addresses: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of addresses: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking addresses: %w", err), lock.Close())
	}
	s := &Store{folder: folder, lock: lock}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// Close unlocks the store.
func (s *Store) Close() error { return s.lock.Close() }

func (s *Store) file() string { return filepath.Join(s.folder, "state.json") }

func (s *Store) load() error {
	data, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading addresses: %w", err)
	}
	if err := json.Unmarshal(data, &s.state); err != nil {
		return fmt.Errorf("reading addresses from %s: %w", s.file(), err)
	}
	return nil
}

// Save writes the state; readers see the old one or the new one.
func (s *Store) Save() error {
	data, err := json.Marshal(s.state)
	if err != nil {
		return fmt.Errorf("encoding addresses: %w", err)
	}
	next := s.file() + ".new"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return fmt.Errorf("writing addresses: %w", err)
	}
	if err := os.Rename(next, s.file()); err != nil {
		return fmt.Errorf("replacing addresses: %w", err)
	}
	return nil
}

// Find returns the attachment with the given key.
func (s *Store) Find(k Key) (Attachment, bool) {
	for _, a := range s.state.Attachments {
		if a.Key() == k {
			return a, true
		}
	}
	return Attachment{}, false
}

// All returns every attachment.
func (s *Store) All() []Attachment { return s.state.Attachments }

// Put adds an attachment or replaces the one with its key.
func (s *Store) Put(a Attachment) {
	s.Remove(a.Key())
	s.state.Attachments = append(s.state.Attachments, a)
}

// Remove frees the addresses of an attachment.
func (s *Store) Remove(k Key) {
	kept := s.state.Attachments[:0]
	for _, a := range s.state.Attachments {
		if a.Key() != k {
			kept = append(kept, a)
		}
	}
	s.state.Attachments = kept
}

// Key identifies the attachment.
func (a Attachment) Key() Key { return Key{a.ContainerID, a.Interface} }

// Alive tells whether the attachment's network namespace still exists. One without a known namespace is taken to be alive.
func (a Attachment) Alive() bool {
	if a.Namespace == "" {
		return true
	}
	var st unix.Statfs_t
	if err := unix.Statfs(a.Namespace, &st); err != nil {
		return !errors.Is(err, unix.ENOENT)
	}
	// A file that is left over where a namespace was mounted is on another file system.
	return st.Type == unix.NSFS_MAGIC || st.Type == unix.PROC_SUPER_MAGIC
}

// Allocate finds one free address in each range and puts the attachment with them. The network's own address, the gateway and the
// broadcast address are never given out. Addresses that the attachment has already are kept.
func (s *Store) Allocate(a Attachment, ranges []netip.Prefix) (Attachment, error) {
	if old, ok := s.Find(a.Key()); ok && fits(old.Addresses, ranges) {
		a.Addresses = old.Addresses
		s.Put(a)
		return a, nil
	}
	a.Addresses = nil
	used := map[netip.Addr]bool{}
	for _, other := range s.state.Attachments {
		for _, ip := range other.Addresses {
			used[ip] = true
		}
	}
	for _, r := range ranges {
		ip, ok := s.next(r.Masked(), used)
		if !ok {
			return a, fmt.Errorf("allocating an address in %s: %w", r, ErrExhausted)
		}
		a.Addresses = append(a.Addresses, ip)
	}
	s.Put(a)
	return a, nil
}

func fits(addresses []netip.Addr, ranges []netip.Prefix) bool {
	if len(addresses) != len(ranges) {
		return false
	}
	for i, r := range ranges {
		if !r.Contains(addresses[i]) {
			return false
		}
	}
	return true
}

// next searches the range once around, beginning behind the address that was given out last.
func (s *Store) next(r netip.Prefix, used map[netip.Addr]bool) (netip.Addr, bool) {
	first := Gateway(r).Next()
	last := s.state.Last[r.String()]
	if !r.Contains(last) {
		last = Gateway(r)
	}
	for ip, wrapped := last.Next(), false; ; ip = ip.Next() {
		if !usable(ip, r) {
			if wrapped {
				return netip.Addr{}, false
			}
			ip, wrapped = first, true
			if !usable(ip, r) {
				return netip.Addr{}, false
			}
		}
		if !used[ip] {
			if s.state.Last == nil {
				s.state.Last = map[string]netip.Addr{}
			}
			s.state.Last[r.String()] = ip
			return ip, true
		}
		if wrapped && ip == last {
			return netip.Addr{}, false
		}
	}
}

// usable tells whether a pod may have the address: inside of the range and not IPv4's broadcast address, the range's last.
func usable(ip netip.Addr, r netip.Prefix) bool {
	return r.Contains(ip) && (ip.Is6() || r.Contains(ip.Next()))
}

// Gateway is the first address of a range: the node's own, on the bridge.
func Gateway(r netip.Prefix) netip.Addr { return r.Masked().Addr().Next() }
