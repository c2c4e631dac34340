// Package ephemeralvolume makes the PersistentVolumeClaims that pods with generic ephemeral volumes ask for.
//
// A claim belongs to its pod and is collected with it. It reads pods and claims, and writes claims and events. It never
// touches a claim of that name that is not the pod's.
package ephemeralvolume
