package identity

import (
	"strings"

	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
)

// KubeletClient is who the API server is when it calls a kubelet.
const KubeletClient = "kube-apiserver-kubelet-client"

// Of is who has a name and is in groups, and in that of all who are known.
func Of(name string, groups ...string) user.Info {
	return &user.DefaultInfo{Name: name, Groups: append(groups, user.AllAuthenticated)}
}

// Server is the API server's own: it writes the objects that the cluster stands on.
func Server() user.Info { return Of("system:apiserver", user.SystemPrivilegedGroup) }

// Manager reads what the shared cache holds.
func Manager() user.Info { return Of("system:kube-controller-manager") }

// Account is a service account of kube-system, as which a controller acts.
func Account(account string) user.Info {
	const namespace = "kube-system"
	return Of(serviceaccount.MakeUsername(namespace, account), serviceaccount.MakeGroupNames(namespace)...)
}

// Quota records what admission charges to quotas.
func Quota() user.Info { return Of(quota) }

const quota = "coxswain:quota-admission"

// DNS announces the name servers of the nodes.
func DNS() user.Info { return Of("coxswain:dns") }

func Scheduler() user.Info { return Of("system:kube-scheduler") }

func Node(name string) user.Info { return Of("system:node:"+name, user.NodesGroup) }

func Proxy() user.Info { return Of("system:kube-proxy") }

// Agent names the program that a user stands for: managed fields are the program's.
func Agent(u user.Info) string {
	switch name := u.GetName(); {
	case name == "system:kube-controller-manager", strings.HasPrefix(name, serviceaccount.ServiceAccountUsernamePrefix):
		return "kube-controller-manager"
	case strings.HasPrefix(name, "system:node:"):
		return "kubelet"
	case name == "system:apiserver", name == quota: // which is in the server
		return "kube-apiserver"
	default:
		return strings.NewReplacer("system:", "", "coxswain:", "coxswain-").Replace(name)
	}
}

// FrontProxyName is who the API server is when it calls the servers of APIServices on behalf of others.
const FrontProxyName = "front-proxy-client"
