// Package configuration reads the file of --admission-control-config-file: an AdmissionConfiguration, which holds what each plugin is
// to be told, or names a file that does.
//
// It reads files when the server starts. It knows nothing of what plugins make of it.
package configuration
