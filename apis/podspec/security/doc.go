// Package security knows the security contexts of pods and containers: users, profiles, sysctls, and what goes with which operating system.
//
// It owns whether they are well formed. It reads only what it is given and writes nothing; what a namespace allows is for admission to say.
package security
