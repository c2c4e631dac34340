package storagetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

func pages(t *testing.T, s storage.Store) {
	var want []string
	for i := range 25 {
		name := fmt.Sprintf("n%02d", i)
		put(t, s, name, "1")
		want = append(want, key(name))
	}
	var got []string
	next := storage.Range{Prefix: key(""), Limit: 10}
	for {
		page, err := s.Range(within(t), next)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			got = append(got, r.Key)
		}
		if left := int64(len(want) - len(got)); page.Remaining != left || page.More != (left > 0) {
			t.Errorf("after %d: remaining %d, more %v", len(got), page.Remaining, page.More)
		}
		if !page.More {
			break
		}
		put(t, s, "n99", "written between pages")
		next.From, next.Revision = got[len(got)-1]+"\x00", page.Revision
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func prefixes(t *testing.T, s storage.Store) {
	for _, k := range []string{"/registry/a/x", "/registry/a/y", "/registry/a0", "/registry/ab/x", "/registrz/a/x"} {
		commit(t, s, storage.Op{Key: k, Value: []byte("1")})
	}
	for prefix, want := range map[string]int{"/registry/a/": 2, "/registry/": 4, "/registry/b": 0, "/registry/a": 4} {
		page, err := s.Range(within(t), storage.Range{Prefix: prefix})
		if err != nil || len(page.Records) != want {
			t.Errorf("%s: %d records (%v), want %d", prefix, len(page.Records), err, want)
		}
	}
}

func history(t *testing.T, s storage.Store) {
	first := put(t, s, "a", "1")
	second := put(t, s, "a", "2")
	third := remove(t, s, "a")
	at := func(revision int64) (string, error) {
		page, err := s.Range(within(t), storage.Range{Prefix: key(""), Revision: revision})
		if err != nil || len(page.Records) == 0 {
			return "", err
		}
		if page.Revision != revision {
			t.Errorf("read at %d, asked for %d", page.Revision, revision)
		}
		return string(page.Records[0].Value), nil
	}
	for revision, want := range map[int64]string{first: "1", second: "2", third: ""} {
		if got, err := at(revision); err != nil || got != want {
			t.Errorf("at %d: %q (%v), want %q", revision, got, err, want)
		}
	}
	for range 2 { // the second time is no error
		if err := s.Compact(within(t), second); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := at(first); !errors.Is(err, storage.ErrCompacted) {
		t.Errorf("reading a compacted revision: %v", err)
	}
	if got, err := at(second); err != nil || got != "2" {
		t.Errorf("at the compaction's revision: %q (%v)", got, err)
	}
}

func future(t *testing.T, s storage.Store) {
	revision := put(t, s, "a", "1")
	_, err := s.Range(within(t), storage.Range{Prefix: key(""), Revision: revision + 1000})
	if !errors.Is(err, storage.ErrFuture) {
		t.Errorf("got %v, want %v", err, storage.ErrFuture)
	}
}

func committed(t *testing.T, s storage.Store) {
	for range 20 {
		revision := put(t, s, "a", "1")
		got, err := s.Committed(within(t))
		if err != nil || got < revision {
			t.Fatalf("committed is %d (%v), below %d", got, err, revision)
		}
	}
}
