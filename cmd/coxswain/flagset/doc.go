// Package flagset has the flags of what the program runs, by the names that users know, and lays a configuration file below them. The
// defaults are those of the options that it is handed; what they mean is said there.
package flagset
