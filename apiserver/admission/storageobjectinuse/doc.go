// Package storageobjectinuse puts finalizers on volumes, claims and attribute classes, so that they do not vanish under their users.
//
// It reads nothing but the object at hand, which it changes.
package storageobjectinuse
