// Package env computes the environment of a container: its own variables and their references, what comes from ConfigMaps and Secrets,
// and the variables by which it finds services. It reads objects through the Source that it is handed, and writes nothing.
package env
