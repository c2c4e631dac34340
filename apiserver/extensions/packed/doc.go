// Package packed keeps CustomResourceDefinitions small while nobody looks at their schemas, which are most of them: what is
// stored stays compressed, beside a skeleton with all the rest.
//
// It owns the form of such a skeleton. It reads and writes nothing but what it is handed, and keeps nothing.
package packed
