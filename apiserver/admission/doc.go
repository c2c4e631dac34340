// Package admission owns the last word on a write: after authorization, plugins may change an object
// (Mutator) and, when it is complete and valid, refuse it (Validator).
//
// It owns the chain and the vocabulary; one folder below per plugin, and plugins/ lists them all.
// Plugins read the cluster through a Lister. They write nothing but the object at hand (ResourceQuota's
// accounting apart), never keep an object, and never change the old one: they see it as it is stored.
package admission
