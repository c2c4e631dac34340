package iptables

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

// Backend applies rules by iptables-restore. Make it with New.
type Backend struct {
	families []*family
}

// New tells whether the machine has iptables with NAT. Clients outside of clusterCIDRs are masqueraded when they use a cluster
// IP; without any, nobody is. IPv6 is left out on a machine without it.
func New(clusterCIDRs []netip.Prefix) (*Backend, error) {
	v4, v6 := newFamily("iptables", false, clusterCIDRs), newFamily("ip6tables", true, clusterCIDRs)
	if err := v4.probe(); err != nil {
		return nil, fmt.Errorf("probing iptables: %w", err)
	}
	b := &Backend{families: []*family{v4}}
	if v6.probe() == nil {
		b.families = append(b.families, v6)
	}
	return b, nil
}

// Name is the mode's name.
func (b *Backend) Name() string { return "iptables" }

// SetPodCIDRs names the networks of this node's pods. It takes effect with the next Replace.
func (b *Backend) SetPodCIDRs(own []netip.Prefix) {
	for _, f := range b.families {
		f.pods = f.only(own)
	}
}

// Replace makes the given state all there is, each table in one step.
func (b *Backend) Replace(ctx context.Context, all rules.Change) error {
	for _, f := range b.families {
		if err := f.replace(ctx, &all); err != nil {
			return fmt.Errorf("writing all rules of %s: %w", f.program, err)
		}
	}
	return nil
}

// Apply carries out one change.
func (b *Backend) Apply(ctx context.Context, c rules.Change) error {
	for _, f := range b.families {
		s := newScript()
		f.change(s, &c)
		if err := f.restore(ctx, s); err != nil {
			return fmt.Errorf("changing rules of %s: %w", f.program, err)
		}
	}
	return nil
}

// Cleanup removes everything that is ours.
func (b *Backend) Cleanup(ctx context.Context) error {
	var errs []error
	for _, f := range b.families {
		errs = append(errs, f.cleanup(ctx))
	}
	return errors.Join(errs...)
}

// Close has nothing to give up.
func (b *Backend) Close() error { return nil }

// lockWait is how long, in seconds, to wait for other users of iptables.
const lockWait = "5"

func (f *family) probe() error {
	_, err := run(context.Background(), nil, f.program, "-w", lockWait, "-t", "nat", "-S", "PREROUTING")
	return err
}

// save lists what the kernel has.
func (f *family) save(ctx context.Context, table string) (string, error) {
	return run(ctx, nil, f.program+"-save", "-t", table)
}

func (f *family) restore(ctx context.Context, s *script) error {
	input := s.String()
	if input == "" {
		return nil
	}
	_, err := run(ctx, []byte(input), f.program+"-restore", "-w", lockWait, "--noflush")
	return err
}

func run(ctx context.Context, input []byte, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = bytes.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("running %s: %w: %s", name, err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}
