package nftables

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	nft "github.com/google/nftables"
	"github.com/mdlayher/netlink"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

// tableName is the name of the tables that the backend owns.
const tableName = "coxswain"

// socketBuffer is asked for in both directions: a first transaction of thousands of Services is sent and acknowledged at once.
const socketBuffer = 64 << 20

// Backend applies rules through nf_tables. Make it with New.
type Backend struct {
	conn *nft.Conn
	v4   *table
	// v6 is nil on a machine without IPv6.
	v6 *table
}

// New opens a netlink socket in the calling thread's network namespace and tells whether the kernel has nf_tables with NAT.
// Clients outside of clusterCIDRs are masqueraded when they use a cluster IP; without any, nobody is.
func New(clusterCIDRs []netip.Prefix) (*Backend, error) {
	conn, err := nft.New(nft.AsLasting(), nft.WithSockOptions(enlargeBuffers))
	if err != nil {
		return nil, fmt.Errorf("opening a netfilter socket: %w", err)
	}
	b := &Backend{conn: conn, v4: newTable(conn, ipv4, clusterCIDRs), v6: newTable(conn, ipv6, clusterCIDRs)}
	if err := b.probe(b.v4); err != nil {
		return nil, errors.Join(fmt.Errorf("probing nf_tables: %w", err), conn.CloseLasting())
	}
	if err := b.probe(b.v6); err != nil {
		b.v6 = nil
	}
	return b, nil
}

func enlargeBuffers(c *netlink.Conn) error {
	// A smaller buffer is a slower start, no failure.
	_ = c.SetWriteBuffer(socketBuffer)
	_ = c.SetReadBuffer(socketBuffer)
	return nil
}

// Name is the mode's name.
func (b *Backend) Name() string { return "nftables" }

// probe tries everything that a table needs in a table of another name, and removes it in the same transaction.
func (b *Backend) probe(t *table) error {
	p := newTable(b.conn, t.family, nil)
	p.nft.Name = tableName + "-probe"
	p.replaceSkeleton()
	b.conn.DelTable(p.nft)
	return b.conn.Flush()
}

// SetPodCIDRs names the networks of this node's pods. It takes effect with the next Replace.
func (b *Backend) SetPodCIDRs(own []netip.Prefix) {
	for _, t := range b.tables() {
		t.pods = t.family.only(own)
	}
}

// Replace makes the given state all there is, in one step.
func (b *Backend) Replace(_ context.Context, all rules.Change) error {
	for _, t := range b.tables() {
		t.reset()
		t.replaceSkeleton()
		t.prepare(&all)
		t.finish(&all)
		if err := b.conn.Flush(); err != nil {
			return fmt.Errorf("replacing the table of %s: %w", t.family.name, err)
		}
	}
	return nil
}

// Apply carries out one change.
func (b *Backend) Apply(_ context.Context, c rules.Change) error {
	for _, t := range b.tables() {
		if err := b.change(t, &c); err != nil {
			return fmt.Errorf("changing the table of %s: %w", t.family.name, err)
		}
	}
	return nil
}

func (b *Backend) change(t *table, c *rules.Change) error {
	t.sweep()
	if err := b.conn.Flush(); err != nil {
		return fmt.Errorf("removing what the last change left: %w", err)
	}
	if t.prepare(c) {
		// A packet must not find its way to a chain that is as new as the way: rules and map elements of one transaction
		// do not appear at exactly the same moment.
		if err := b.conn.Flush(); err != nil {
			return err
		}
	}
	t.finish(c)
	return b.conn.Flush()
}

// Cleanup removes the tables.
func (b *Backend) Cleanup(context.Context) error {
	for _, t := range b.tables() {
		t.reset()
		b.conn.AddTable(t.nft)
		b.conn.DelTable(t.nft)
		if err := b.conn.Flush(); err != nil {
			return fmt.Errorf("removing the table of %s: %w", t.family.name, err)
		}
	}
	return nil
}

// Close closes the socket and leaves the rules in place.
func (b *Backend) Close() error { return b.conn.CloseLasting() }

func (b *Backend) tables() []*table {
	if b.v6 == nil {
		return []*table{b.v4}
	}
	return []*table{b.v4, b.v6}
}
