package packetfilter

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
)

// AcceptForwarded lets what is sent to and from the networks pass the iptables chain FORWARD, which Docker and firewalls have drop what
// nobody has accepted. A machine without the program iptables has no such chain. The rules come last: others may still refuse.
func AcceptForwarded(ctx context.Context, networks []netip.Prefix) error {
	for _, n := range networks {
		program := "iptables"
		if n.Addr().Is6() {
			program = "ip6tables"
		}
		path, err := exec.LookPath(program)
		if err != nil {
			continue
		}
		for _, side := range []string{"-s", "-d"} {
			rule := []string{"FORWARD", side, n.Masked().String(), "-m", "comment", "--comment", "coxswain: pods", "-j", "ACCEPT"}
			if run(ctx, path, "-C", rule) == nil {
				continue
			}
			if err := run(ctx, path, "-A", rule); err != nil {
				return fmt.Errorf("accepting what pods forward: %w", err)
			}
		}
	}
	return nil
}

func run(ctx context.Context, path, action string, rule []string) error {
	const lockWait = "5" // seconds, for other users of iptables
	out, err := exec.CommandContext(ctx, path, append([]string{"-w", lockWait, action}, rule...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running %s: %w: %s", path, err, strings.TrimSpace(string(out)))
	}
	return nil
}
