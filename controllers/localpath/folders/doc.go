// Package folders is the part of the local volumes that runs on the node: it names the node's folder for them, and removes the
// data of those that nobody claims any more.
//
// It reads the node's own Node and the volumes that are labelled for it. It writes the folder's name into an annotation of the Node and,
// when the data of a volume is gone, that into the volume's status: nothing else, for nodes are trusted with nothing else. It removes folders right
// below its own one, never follows a symbolic link out of it, and believes no path that it would not have chosen itself.
package folders
