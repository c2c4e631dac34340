// Package plugins lists the plugins that come with the scheduler: one folder each, registered by the name that
// KubeSchedulerConfiguration uses. A plugin reads the snapshot it is given and the pod, and keeps no state of its own
// between cycles.
package plugins
