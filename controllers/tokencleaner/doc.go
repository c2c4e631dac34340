// Package tokencleaner deletes bootstrap tokens that have expired.
//
// It reads the Secrets of kube-system and deletes those of type bootstrap.kubernetes.io/token whose time is over. It wakes at
// the moment that the Secret names, not at intervals.
package tokencleaner
