package cluster

import (
	"net"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/identitylease"
)

// kubeletClient is who the API server is when it calls a kubelet.
const kubeletClient = "kube-apiserver-kubelet-client"

// The parts that run in this process call the API under identities of their own, which RBAC and the Node authorizer
// restrict like those of any client. What they may do stands in config/bootstrap.
func identity(name string, groups ...string) user.Info {
	return &user.DefaultInfo{Name: name, Groups: append(groups, user.AllAuthenticated)}
}

// serverIdentity is the API server's own: it writes the objects that the cluster stands on.
func serverIdentity() user.Info { return identity("system:apiserver", user.SystemPrivilegedGroup) }

// managerIdentity reads what the shared cache holds.
func managerIdentity() user.Info { return identity("system:kube-controller-manager") }

// accountIdentity is a service account of kube-system, as which a controller acts.
func accountIdentity(account string) user.Info {
	const namespace = "kube-system"
	return identity(serviceaccount.MakeUsername(namespace, account), serviceaccount.MakeGroupNames(namespace)...)
}

// quotaIdentity records what admission charges to quotas.
func quotaIdentity() user.Info { return identity("coxswain:quota-admission") }

// dnsIdentity announces the name servers of the nodes.
func dnsIdentity() user.Info { return identity("coxswain:dns") }

func schedulerIdentity() user.Info { return identity("system:kube-scheduler") }

func nodeIdentity(name string) user.Info { return identity("system:node:"+name, user.NodesGroup) }

func proxyIdentity() user.Info { return identity("system:kube-proxy") }

// agentOf names the program that a user stands for: managed fields are the program's.
func agentOf(u user.Info) string {
	switch name := u.GetName(); {
	case name == "system:kube-controller-manager", strings.HasPrefix(name, serviceaccount.ServiceAccountUsernamePrefix):
		return "kube-controller-manager"
	case strings.HasPrefix(name, "system:node:"):
		return "kubelet"
	case name == "system:apiserver":
		return "kube-apiserver"
	default:
		return strings.NewReplacer("system:", "", "coxswain:", "coxswain-").Replace(name)
	}
}

// identityLease is how this API server tells the others that it is there.
func (c *controlPlane) identityLease(writer client.Client) *identitylease.Lease {
	host := c.options.NodeName // which may be longer than a label
	if len(host) > validation.LabelValueMaxLength {
		host = strings.TrimRight(host[:validation.LabelValueMaxLength], "-.")
	}
	address := net.JoinHostPort(c.options.AdvertiseAddress, strconv.Itoa(c.options.HTTPSListenPort))
	return &identitylease.Lease{Client: writer, Clock: clock.RealClock{}, Host: host, Address: address}
}
