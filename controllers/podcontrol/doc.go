// Package podcontrol manages the objects that an owner controls: it finds, adopts and
// releases them, creates and deletes pods, and remembers writes that the cache has not
// shown yet.
//
// It reads pods and replica sets through the cache, by the index kit.OwnerIndex, and
// writes pods, their ownerReferences and events. It never decides how many pods there
// should be.
package podcontrol
