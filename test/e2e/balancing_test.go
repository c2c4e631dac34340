package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// balanced is a Deployment and a load balancer before it.
const balanced = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  %s
  selector: {app: web}
  ports: [{port: %d, targetPort: 80}]
`

// A Service of type LoadBalancer is reachable from outside at the address that its status names; who is outside of its ranges is not let in.
func TestLoadBalancer(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	ip := s.cluster.Machine.IP
	s.apply(fmt.Sprintf(web, 1, 600, "{}", "{}"))
	s.apply(fmt.Sprintf(balanced, "externalTrafficPolicy: Local", 8081))
	s.ready("deployment/web")
	s.becomes("service/web", ".status.loadBalancer.ingress[*].ip", ip)
	s.event("web", "Normal", "EnsuringLoadBalancer", "Ensuring load balancer")
	s.event("web", "Normal", "EnsuredLoadBalancer", "Ensured load balancer")
	s.says("kubectl", s.kubectl("get", "service", "web", "--no-headers"), "LoadBalancer", " "+ip+" ")
	outside := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	reach := func(what string, want bool) {
		t.Helper()
		s.eventually(what, func() error {
			answer, err := outside.Get("http://" + ip + ":8081/")
			if err == nil {
				err = answer.Body.Close()
			}
			if (err == nil) != want {
				return fmt.Errorf("reached: %t, %v", err == nil, err)
			}
			return nil
		})
	}
	reach("the load balancer", true)
	s.apply(strings.ReplaceAll(fmt.Sprintf(balanced, "", 8081), "name: web", "name: second"))
	s.event("second", "Warning", "SyncLoadBalancerFailed", "port 8081/TCP of node "+s.node()+" is taken by Service "+s.name+"/web")
	s.apply(fmt.Sprintf(balanced, "loadBalancerSourceRanges: [192.0.2.0/24]", 8081))
	reach("a load balancer for others", false)
	s.apply(fmt.Sprintf(balanced, "loadBalancerSourceRanges: []", 8081))
	reach("a load balancer for all", true)
	s.kubectl("delete", "service", "web")
	s.becomes("service/second", ".status.loadBalancer.ingress[*].ip", ip)
	s.kubectl("patch", "service", "second", "-p", `{"spec":{"type":"ClusterIP"}}`)
	s.becomes("service/second", ".status.loadBalancer.ingress[*].ip", "")
	s.becomes("service/second", ".metadata.finalizers", "")
}
