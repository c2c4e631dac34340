package proxytest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/test/netns"
)

// World is one node with three pods and a machine outside of the cluster. Every pod serves TCP and UDP on port 8080 and answers
// with its own name and the client's address.
//
//	outside 192.168.50.2 ---- node 192.168.50.1 (10.42.0.1) ---- pods a, b, c 10.42.0.10, .11, .12
type World struct {
	Node, Outside *netns.Namespace
	Pods          map[string]*netns.Namespace
	// Patience is how long Dial and its kin wait for an answer. Default: half a minute.
	Patience time.Duration
}

// Addresses of the world.
const (
	NodeIP      = "192.168.50.1"
	NodeIP6     = "fd50::1"
	OutsideIP   = "192.168.50.2"
	OutsideIP6  = "fd50::2"
	GatewayIP   = "10.42.0.1"
	GatewayIP6  = "fd42::1"
	PodPort     = 8080
	ClusterCIDR = "10.42.0.0/16"
	// ClusterCIDR6 is the pods' network in IPv6.
	ClusterCIDR6 = "fd42::/64"
)

// PodIP is the address of pod a, b or c.
func PodIP(name string) string { return fmt.Sprintf("10.42.0.%d", 10+int(name[0]-'a')) }

// PodIP6 is its IPv6 address.
func PodIP6(name string) string { return fmt.Sprintf("fd42::1%d", int(name[0]-'a')) }

// NewWorld builds it.
func NewWorld(t testing.TB) *World {
	w := &World{Node: netns.New(t, "node"), Outside: netns.New(t, "outside"), Pods: map[string]*netns.Namespace{}, Patience: 30 * time.Second}
	w.Node.Sysctl(t, "net/ipv4/ip_forward", "1")
	w.Node.Sysctl(t, "net/ipv6/conf/all/forwarding", "1")
	w.Node.Connect(t, w.Outside, "out", []string{NodeIP + "/24", NodeIP6 + "/64"}, []string{OutsideIP + "/24", OutsideIP6 + "/64"})
	w.Outside.Route(t, "0.0.0.0/0", "eth0", NodeIP)
	w.Outside.Route(t, "::/0", "eth0", NodeIP6)
	for _, name := range []string{"a", "b", "c"} {
		pod := netns.New(t, "pod "+name)
		w.Pods[name] = pod
		w.addPod(t, name, pod)
		serve(t, pod, name)
	}
	return w
}

// Dial connects from a namespace to a TCP address and returns who answered and which client address it saw.
func (w *World) Dial(from *netns.Namespace, address string) (server, client string, err error) {
	c, err := w.Open(from, "tcp", address)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = c.Close() }()
	return ask(c)
}

// DialUDP is Dial over UDP.
func (w *World) DialUDP(from *netns.Namespace, address string) (server, client string, err error) {
	c, err := w.Open(from, "udp", address)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = c.Close() }()
	return ask(c)
}

// Open connects and keeps the connection open.
func (w *World) Open(from *netns.Namespace, network, address string) (net.Conn, error) {
	var c net.Conn
	err := from.Try(func() error {
		var err error
		c, err = net.DialTimeout(network, address, w.Patience)
		return err
	})
	return c, err
}

// Ask sends one line on an open connection and returns the answer.
func Ask(c net.Conn) (server, client string, err error) { return ask(c) }

func ask(c net.Conn) (server, client string, err error) {
	patience := 30 * time.Second
	if c.LocalAddr().Network() == "udp" {
		patience = time.Second // what is lost is lost
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", "", err
	}
	if _, err := io.WriteString(c, "who\n"); err != nil {
		return "", "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return "", "", err
	}
	server, client, _ = strings.Cut(strings.TrimSpace(line), " ")
	return server, client, nil
}

// Refused tells whether a dial was answered with a rejection rather than silence.
func Refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// serve answers each line with the server's name and the client's address, over TCP and UDP, in both families.
func serve(t testing.TB, ns *netns.Namespace, name string) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	var l net.Listener
	var p net.PacketConn
	ns.Do(t, func() error {
		var err error
		if l, err = net.Listen("tcp", fmt.Sprintf(":%d", PodPort)); err != nil {
			return err
		}
		p, err = net.ListenPacket("udp", fmt.Sprintf(":%d", PodPort))
		return err
	})
	context.AfterFunc(ctx, func() { _ = l.Close(); _ = p.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c, name)
		}
	}()
	go func() {
		buffer := make([]byte, 1500)
		for {
			_, from, err := p.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = fmt.Fprintf(packetWriter{p, from}, "%s %s\n", name, clientIP(from))
		}
	}()
}

type packetWriter struct {
	net.PacketConn
	to net.Addr
}

func (w packetWriter) Write(b []byte) (int, error) { return w.WriteTo(b, w.to) }

func answer(c net.Conn, name string) {
	defer func() { _ = c.Close() }()
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		if _, err := fmt.Fprintf(c, "%s %s\n", name, clientIP(c.RemoteAddr())); err != nil {
			return
		}
	}
}

func clientIP(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	return ap.Addr().Unmap().String()
}
