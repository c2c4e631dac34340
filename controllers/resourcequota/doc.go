// Package resourcequota keeps the status of ResourceQuotas: what is used of what is
// allowed. Admission counts what is created; this controller what is deleted, changed or
// was there before.
//
// It reads ResourceQuotas and, of the kinds that a quota names, the objects, and writes
// ResourceQuota status. It watches a kind from the moment a quota names it, not before.
package resourcequota
