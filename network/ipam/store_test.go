package ipam

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func open(t *testing.T, folder string) *Store {
	t.Helper()
	s, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t *testing.T, s *Store) {
	t.Helper()
	if err := errors.Join(s.Save(), s.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestAddressesAreGivenOutInTurn(t *testing.T) {
	folder := t.TempDir()
	ranges := []netip.Prefix{netip.MustParsePrefix("10.42.7.0/29"), netip.MustParsePrefix("fd42::/64")}
	var got []string
	for _, id := range []string{"a", "b", "a", "c"} {
		s := open(t, folder)
		a, err := s.Allocate(Attachment{ContainerID: id, Interface: "eth0"}, ranges)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, a.Addresses[0].String()+" "+a.Addresses[1].String())
		closed(t, s)
	}
	want := []string{"10.42.7.2 fd42::2", "10.42.7.3 fd42::3", "10.42.7.2 fd42::2", "10.42.7.4 fd42::4"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("allocation %d: got %s, want %s", i, got[i], want[i])
		}
	}

	// A freed address rests until the search comes around again.
	s := open(t, folder)
	defer closed(t, s)
	s.Remove(Key{"a", "eth0"})
	for _, want := range []string{"10.42.7.5", "10.42.7.6", "10.42.7.2"} {
		a, err := s.Allocate(Attachment{ContainerID: want, Interface: "eth0"}, ranges[:1])
		if err != nil || a.Addresses[0].String() != want {
			t.Errorf("got %v, %v, want %s", a.Addresses, err, want)
		}
	}
	if _, err := s.Allocate(Attachment{ContainerID: "z", Interface: "eth0"}, ranges[:1]); !errors.Is(err, ErrExhausted) {
		t.Errorf("got %v, want %v", err, ErrExhausted)
	}
}

func TestAnotherRangeMeansAnotherAddress(t *testing.T) {
	s := open(t, t.TempDir())
	defer closed(t, s)
	for _, r := range []string{"10.42.7.0/24", "10.42.8.0/24"} {
		a, err := s.Allocate(Attachment{ContainerID: "a", Interface: "eth0"}, []netip.Prefix{netip.MustParsePrefix(r)})
		if err != nil || !netip.MustParsePrefix(r).Contains(a.Addresses[0]) {
			t.Errorf("in %s: got %v, %v", r, a.Addresses, err)
		}
	}
	if n := len(s.All()); n != 1 {
		t.Errorf("%d attachments, want 1", n)
	}
}

func TestADamagedFileIsNotOverwritten(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "state.json"), []byte(`{"attachments":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(folder); err == nil {
		t.Error("want an error: nobody knows which addresses are in use")
	}
}
