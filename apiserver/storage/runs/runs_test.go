package runs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestListsAreAsIfMadeAnew: whatever changes, a list has what a map with the same changes has, in the order of the keys, and those before it
// stay as they were.
func TestListsAreAsIfMadeAnew(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, begin := range []int{0, 1, 5 * usual} {
		want := map[string]string{}
		var items []Item
		for i := range begin {
			key := fmt.Sprintf("%04d", i)
			want[key] = "0"
			items = append(items, Item{key, []byte("0")})
		}
		list := New(items)
		for round := range 80 {
			before, was := list, shown(list)
			var changed []Item
			var gone []string
			for range random.IntN(most) {
				key := fmt.Sprintf("%04d", random.IntN(1000))
				if random.IntN(2) == round/40%2 && !slices.ContainsFunc(changed, func(i Item) bool { return i.Key == key }) {
					gone = append(gone, key)
					delete(want, key)
				} else if !slices.Contains(gone, key) {
					want[key] = fmt.Sprint(round)
					changed = append(changed, Item{key, []byte(want[key])})
				}
			}
			list = list.With(changed, gone)
			var all []string
			for _, key := range slices.Sorted(maps.Keys(want)) {
				all = append(all, key+"="+want[key])
			}
			if diff := cmp.Diff(all, shown(list)); diff != "" || list.Len() != len(want) {
				t.Fatalf("round %d, %d items for %d: %s", round, list.Len(), len(want), diff)
			}
			if diff := cmp.Diff(was, shown(before)); diff != "" {
				t.Fatalf("round %d, the list before has changed: %s", round, diff)
			}
		}
	}
}

func shown(l *List) (all []string) {
	for _, r := range l.Runs {
		for i, key := range r.keys {
			all = append(all, key+"="+string(r.Data[i]))
		}
	}
	return all
}

// TestRunsAreShared: a change costs the run that it is in, and no other.
func TestRunsAreShared(t *testing.T) {
	var items []Item
	for i := range 10 * usual {
		items = append(items, Item{Key: fmt.Sprintf("%04d", i)})
	}
	list := New(items)
	next := list.With([]Item{{"0007", []byte("new")}}, []string{"0008", "absent"})
	shared := 0
	for _, r := range next.Runs {
		if slices.Contains(list.Runs, r) {
			shared++
		}
	}
	if shared != len(list.Runs)-1 {
		t.Errorf("%d of %d runs are shared", shared, len(list.Runs))
	}
}

// TestShortRunsAreJoined: when most of a list is gone, so are most of its runs, and those that nothing happened to are shared still.
func TestShortRunsAreJoined(t *testing.T) {
	var items []Item
	for i := range 40 * usual {
		items = append(items, Item{Key: fmt.Sprintf("%04d", i)})
	}
	list := New(items)
	whole := list.Runs[30:]
	for i := range 30 * usual {
		if i%16 != 0 {
			list = list.With(nil, []string{items[i].Key})
		}
	}
	if left := 30 * usual / 16; list.Len() != left+10*usual || len(list.Runs)-10 > 2*left/least+1 {
		t.Errorf("%d items are left in %d runs, 10 of them whole", list.Len(), len(list.Runs))
	}
	if last := list.Runs[len(list.Runs)-9:]; !slices.Equal(last, whole[1:]) {
		t.Error("runs in which nothing was deleted are others now")
	}
	if !slices.IsSorted(shown(list)) {
		t.Error("they are out of order")
	}
}
