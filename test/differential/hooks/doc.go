// Package hooks is a program beside each of the two servers that are compared: it answers webhooks of admission and of conversion, and serves an API
// group. What it answers is said by the objects that it is asked about, in annotations, so that both sides are told the same.
package hooks
