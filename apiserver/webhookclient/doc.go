// Package webhookclient calls webhooks: it finds the endpoint of a Service, checks the certificate against the CA bundle that came
// with the configuration, keeps connections for the next call, and bounds what it reads.
//
// It reads Services and EndpointSlices, writes nothing to the cluster, and knows nothing of what is sent. Admission and the
// conversion of custom resources use it.
package webhookclient
