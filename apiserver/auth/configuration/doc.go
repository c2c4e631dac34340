// Package configuration reads who may call and what they may do from files and flags: AuthenticationConfiguration,
// AuthorizationConfiguration, and upstream's flags that say the same.
//
// It owns the reading, the checks and the order of authorizers, and follows the files, so that a change counts without a restart.
// It reads files and writes nothing. A file that is wrong changes nothing: what was read before goes on to count.
package configuration
