// Package images gets the images that containers need, and removes those that none needs when the disk fills up.
//
// Ensure answers from the runtime's store or pulls, as the pull policy says; pulls of different images run side by
// side, and containers that want the same image at the same time share one pull. A failed pull backs off from 10 s to 5 minutes.
//
// It reads pull secrets through a function given to it, writes only through CRI's image service, and tells the
// caller's events. It remembers back-offs and when images were last used, in memory only.
package images
