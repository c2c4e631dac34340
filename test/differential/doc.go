// Command differential sends the same requests to upstream's kube-apiserver and to Coxswain's, and compares what they
// answer: code, headers, body, managedFields and events. Each side is an API server with its etcd, empty, without controllers,
// on a machine of its own (test/bench/peer). Differences that testdata/accepted.yaml gives a reason for are counted, any
// other fails the command. With -write the result goes between the marks of docs/differential.md.
package main
