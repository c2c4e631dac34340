// Package resourcequota refuses what a namespace has no quota left for, and charges what it lets in.
//
// It reads resource quotas and writes their status: usage is charged before the object is stored. What was charged and then not\n// stored, and what is deleted, is given back by the quota controller, which counts anew.
package resourcequota
