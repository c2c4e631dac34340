// Package happened has what queueing hints have in common: they are given what was there before an event and what is there now.
package happened

// To says what an object was before and is now: nil before it came, and nil now that it is gone.
func To[T any](old, changed any) (before, now *T) {
	before, _ = old.(*T)
	now, _ = changed.(*T)
	return before, now
}

// Begins says whether a node (or another object) has come, or is now, as something is asked, and was not before.
func Begins[T any](before, now *T, is func(*T) bool) bool {
	return now != nil && is(now) && (before == nil || !is(before))
}
