// Package fuzzing makes random API objects for tests: nil maps, odd strings, absurd
// numbers, percentages that are none. What is stored may be anything, and no controller
// may fall over it.
package fuzzing
