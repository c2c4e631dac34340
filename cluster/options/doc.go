// Package options is what can be said of a server, of an agent, and of the node that both have: its defaults, what depends on the machine,
// and what is wrong with it.
//
// It owns the names, which are those of flags and of the --config file, and every default. It reads the machine's host name, addresses and
// routes, writes nothing, and starts nothing. What a file says that an option names is read by whoever needs it.
package options
