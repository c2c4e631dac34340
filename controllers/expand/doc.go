// Package expand says of a PersistentVolumeClaim that asks for more than its volume has who is to expand it: what
// expands a volume is always outside, beside its storage driver.
//
// It reads claims and volumes and writes events, nothing else.
package expand
