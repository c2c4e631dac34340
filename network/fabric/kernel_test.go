package fabric

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestAnInterruptedListIsNotTheTruth(t *testing.T) {
	for _, c := range []struct {
		name        string
		interrupted int
		then        error
		want        []int
		calls       int
		err         error
	}{
		{name: "complete", want: []int{1, 2}, calls: 1},
		{name: "complete in the end", interrupted: 2, want: []int{1, 2}, calls: 3},
		{name: "never complete", interrupted: 100, calls: 5, err: netlink.ErrDumpInterrupted},
		{name: "another failure", interrupted: 1, then: unix.ENOMEM, calls: 2, err: unix.ENOMEM},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			got, err := whole(func() ([]int, error) {
				if calls++; calls <= c.interrupted {
					return []int{1}, fmt.Errorf("listing: %w", netlink.ErrDumpInterrupted)
				}
				return []int{1, 2}, c.then
			})
			if !slices.Equal(got, c.want) || !errors.Is(err, c.err) || calls != c.calls {
				t.Errorf("got %v, %v after %d calls, want %v, %v after %d", got, err, calls, c.want, c.err, c.calls)
			}
		})
	}
}
