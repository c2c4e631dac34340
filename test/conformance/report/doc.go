// Package report says what came of a run: a table on the terminal, the page docs/conformance.md, the list of tests that
// must never fail again, and the causes of failures.
package report
