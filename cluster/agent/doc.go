// Package agent is a node of a cluster whose server runs elsewhere: it joins with a token, keeps its certificates, its view of the cluster
// and the addresses of the servers up to date, and runs the node.
//
// It owns DATA/agent. It reads what all nodes have in common, and the Endpoints of the servers. It writes certificate signing requests. It goes
// on with what it knows when no server answers.
package agent
