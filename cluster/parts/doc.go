// Package parts runs what a server or an agent is made of, beside each other, until it is told to end or one of them fails.
//
// It owns the order of the end: the caches that parts share end last, for some of them wait for those even while they stop. It reads and
// writes nothing, and never looks into a part.
package parts
