// Package imageref knows the names of images: what a name says of how the image is to be pulled.
//
// It owns the form of such a name. It reads and writes nothing, and never asks a registry.
package imageref
