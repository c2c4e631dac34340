// Package webhook asks the webhooks of MutatingWebhookConfigurations and ValidatingWebhookConfigurations about writes.
//
// It reads the configurations and namespaces from the watch cache, when they changed and a write comes, and calls webhooks through
// package webhookclient. It writes nothing to the cluster, and never asks about the configurations and policies of admission
// themselves: nobody could mend them then.
package webhook
