// Package subscription hears of several kinds of objects at once, through informers. It knows nothing of what the objects mean, reads nothing
// but what the informers tell, and writes nothing.
package subscription
