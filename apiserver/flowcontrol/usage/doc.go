// Package usage counts how much of the seats and queues is in use for how long, in nanoseconds: histograms of as many
// observations as nanoseconds have passed, without a timer.
//
// It owns what was counted. Whoever changes a number says so, with the time: it reads no clock of its own.
package usage
