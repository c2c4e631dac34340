// Package config reads KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1) and says what a scheduler is to do: profiles
// with the plugins of their extension points and the plugins' arguments, how many nodes are enough, how long a pod backs off.
//
// It reads a document and nothing else. What belongs to a scheduler that is a process of its own (leaderElection,
// clientConnection, debugging) is accepted and has no meaning: the scheduler runs inside the server.
package config
