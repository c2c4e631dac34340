// Package process is what this program is to its machine, whatever it runs: its streams, its log, what its clients take, and its memory,
// which grows under load and is given back when there is none. It settles these for the whole process, and so is for main alone.
package process
