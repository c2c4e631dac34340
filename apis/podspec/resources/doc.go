// Package resources knows what containers and pods ask for: names and amounts, requests and limits, claims of devices.
//
// It owns which amounts there may be, what is asked for when nothing is said, and how requests and limits go together. It reads and writes only what it
// is given, and counts nothing of a node.
package resources
