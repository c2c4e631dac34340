// Package kms encrypts stored values with keys that a key management service keeps: a plugin that speaks version 2 of
// Kubernetes' KMS protocol on a unix socket. What is stored is upstream's form, so that either can read what the other
// has written.
//
// A Provider owns one plugin's connection and the seed that this server writes with: made here, encrypted by the plugin
// once, and replaced when the plugin names another key. Each value has a key of its own, derived from the seed. The
// plugin is asked for its status once a minute, every ten seconds while it fails, and when somebody asks for its health;
// to decrypt, once for each seed that it had not seen yet. A question to decrypt that it does not answer is asked again
// every ten seconds until it does, and meanwhile no other one is. It never stores anything, and never writes with a key that
// the plugin has not confirmed within the last three minutes.
package kms
