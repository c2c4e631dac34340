// Package quota describes what bounds a namespace: ResourceQuotas and LimitRanges, with their defaulting and validation. That they are kept is
// for admission. It reads and writes nothing.
package quota
