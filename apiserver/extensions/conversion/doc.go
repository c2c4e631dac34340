// Package conversion turns custom resources of one version into another: by naming the other version, or by asking a webhook.
//
// It calls webhooks and keeps nothing. What the other version's schema does not have is dropped by whoever asks.
package conversion
