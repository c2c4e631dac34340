// Package eventratelimit refuses events when there are too many: of the server, of a namespace, of a user, of an object.
//
// It reads the object at hand, the clock and the configuration of the plugin. It changes nothing.
package eventratelimit
