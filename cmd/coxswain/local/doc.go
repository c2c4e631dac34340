// Package local is the cluster of this machine as commands find it: its data folder, the kubeconfig of its administrator, and the programs
// that it has unpacked.
//
// It owns the order in which flags, variables and defaults are asked for these. It reads kubeconfigs and the data folder, and writes
// nothing there but the unpacked programs.
package local
