// Package deviceclass says which DeviceClass stands for an extended resource that pods ask for: the one that names it, or by the
// prefix deviceclass.resource.kubernetes.io/ the one that is named.
//
// It reads DeviceClasses, and writes nothing. Whether a node has the devices is for dynamicresources to say.
package deviceclass
