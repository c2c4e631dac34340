// Package priority gives a pod the priority of its PriorityClass and keeps the default class unique.
//
// It reads priority classes. It changes pods at their creation.
package priority
