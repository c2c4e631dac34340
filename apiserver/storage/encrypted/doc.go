// Package encrypted keeps values encrypted in a store: encryption at rest by upstream's EncryptionConfiguration
// (apiserver.config.k8s.io/v1), with the providers aescbc, aesgcm, secretbox and identity, in upstream's stored form,
// so that either can read what the other has written.
//
// A Store wraps another one. Readers and watchers of it see plain values. A value that the first provider of its
// resource did not write is marked stale, and the next write renews it, even one that changes nothing. A value that no
// provider can read stays as it is stored, and is reported where it is decoded: one bad value stops nothing.
package encrypted
