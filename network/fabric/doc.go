// Package fabric makes the pods of other nodes reachable: by routes to nodes on the same link, through a VXLAN tunnel to the others.
//
//	          route to the peer's address                  peer on the same link
//	packet ──┤
//	          route to the device coxswain-vx ── UDP ──    peer behind a router
//
// It reads Nodes (their podCIDRs and InternalIPs) through an informer, and the kernel's links and addresses. It owns the routes with the
// protocol number 204, the rule and the routing table of tunnelled nodes, and the device coxswain-vx with its neighbours. It writes
// nothing to the API: the tunnel's hardware and inner addresses are derived from what a Node says.
//
// peers.go says who is there, plan.go (pure) what there should be, kernel.go and tunnel.go compare that with what there is and change
// the difference. Nothing happens until a Node changes or the kernel reports that a link, an address or one of our routes has.
package fabric
