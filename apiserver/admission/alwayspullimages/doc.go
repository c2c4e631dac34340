// Package alwayspullimages has every container pull its image whenever it starts, so that nobody uses an image that another pulled
// with credentials of its own.
//
// It reads the object at hand and the stored one. It changes how images of pods are pulled.
package alwayspullimages
