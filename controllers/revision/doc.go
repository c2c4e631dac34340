// Package revision keeps the history of a pod template in ControllerRevisions, for
// daemon sets and stateful sets.
//
// It reads, creates, renumbers and deletes ControllerRevisions of one owner.
package revision
