// Package follow tells that a file may have changed. It owns the watching of folders by inotify, reads nothing but what links
// point to, and never gives up: what cannot be watched is asked about again by the clock until it can.
package follow
