package e2e

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestBetweenNodes sends pods' packets through tunnels: to pods, nodes and Services of other nodes, with and without a policy.
func TestBetweenNodes(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "net")
	runs(t, f, "up", "--name", f.Name, "--nodes", "3", "--network", "vxlan", "--images", f.Images())
	s := onFleet(t, f)
	s.apply(onEveryNode + `
---
apiVersion: v1
kind: Service
metadata: {name: local}
spec: {type: NodePort, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`)
	pods := s.running("app=web", 3)
	s.kubectl("wait", "--for=condition=Ready", "pod", "-l", "app=web", "--timeout=120s")
	all, local := s.get("service/web", ".spec.ports[0].nodePort"), s.get("service/local", ".spec.ports[0].nodePort")
	for _, from := range pods {
		for _, to := range pods {
			ip, node := s.get("pod/"+to, ".status.podIP"), s.get("pod/"+to, ".status.hostIP")
			s.same("what "+from+" gets from "+to, s.sh(from, "curl -s -m 30 http://"+ip+":8080/"), to)
			s.says("what "+from+" gets from the port of "+node, s.sh(from, "curl -s -m 30 http://"+node+":"+all+"/"), "web-")
			if from != to {
				s.same("what "+from+" gets from the port of "+node+" with the policy Local", s.sh(from, "curl -s -m 30 http://"+node+":"+local+"/"), to)
			}
		}
		s.same("the MTU of "+from, s.sh(from, "cat /sys/class/net/eth0/mtu"), "1450")
	}
	for _, to := range pods {
		node := s.get("pod/"+to, ".status.hostIP")
		s.same("what the outside gets from "+node, fromOutside(t, "http://"+node+":"+local+"/"), to)
	}

	s.apply(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
`)
	there := "curl -s -m 1 -o /dev/null http://" + s.get("pod/"+pods[1], ".status.podIP") + ":8080/ && echo open || echo closed"
	says := func(want string) func() error {
		return func() error {
			if got := strings.TrimSpace(s.sh(pods[0], there)); got != want {
				return errors.New("it is " + got)
			}
			return nil
		}
	}
	s.eventually("a closed pod", says("closed"))
	s.kubectl("delete", "networkpolicy", "closed")
	s.eventually("an open pod", says("open"))
}

// fromOutside asks from outside of the cluster.
func fromOutside(t *testing.T, address string) string {
	t.Helper()
	response, err := (&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Get(address)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSpace(string(body))
}
