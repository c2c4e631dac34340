// Package plugins is the one list of all admission plugins, in the order in which they are asked, and
// decides which of them are on.
package plugins
