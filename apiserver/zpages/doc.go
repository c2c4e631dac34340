// Package zpages answers /statusz and /flagz: how long a component has been running and in which version, and the flags
// that it was started with. People are answered in text, programs in a kind of config.k8s.io.
//
// It reads what it is given, and writes nothing. It never shows the value of a flag that is a secret: who gives it the
// flags has left those out.
package zpages
