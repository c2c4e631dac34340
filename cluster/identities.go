package cluster

import (
	"k8s.io/apiserver/pkg/authentication/user"
)

// kubeletClient is who the API server is when it calls a kubelet.
const kubeletClient = "kube-apiserver-kubelet-client"

// The parts that run in this process call the API under identities of their own, which RBAC and the Node authorizer
// restrict like those of any client.
func identity(name string, groups ...string) user.Info {
	return &user.DefaultInfo{Name: name, Groups: append(groups, user.AllAuthenticated)}
}

func schedulerIdentity() user.Info { return identity("system:kube-scheduler") }

func nodeIdentity(name string) user.Info { return identity("system:node:"+name, "system:nodes") }

func proxyIdentity() user.Info { return identity("system:kube-proxy") }
