// Package vacprotection keeps a VolumeAttributesClass that is deleted until no claim and no volume has it.
//
// It reads claims and volumes and writes the finalizer kubernetes.io/vac-protection, nothing else.
package vacprotection
