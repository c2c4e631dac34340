// Package stats measures the node, its pods and their containers.
//
// It reads cgroups (v1 and v2), /proc, file system sizes and the runtime's own figures about writable layers and
// images, only when somebody asks: nothing is sampled in the background. Rates (usageNanoCores) come from the
// last sample when that is recent enough, or else from two samples taken a moment apart.
// It writes nothing, and never talks to the API server.
package stats
