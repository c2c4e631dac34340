// Package build makes what the suite needs: its test binary, the programs of its images, and one archive of all images.
//
// It writes below build/conformance of the project and nowhere else. What is there already is kept until go.mod or the
// files of an image change. It starts nothing.
package build
