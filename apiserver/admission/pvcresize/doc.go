// Package pvcresize lets claims grow only when they are bound to a volume of a class that can be expanded.
//
// It reads storage classes. It changes nothing.
package pvcresize
