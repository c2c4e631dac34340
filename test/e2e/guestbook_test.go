package e2e

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

func TestGuestbook(t *testing.T) {
	for _, variant := range []string{"guestbook", "guestbook-deployments"} {
		t.Run(variant, func(t *testing.T) {
			s := newSpace(t)
			s.kubectl("create", "-f", filepath.Join(s.cluster.Root, "config", "samples", variant))
			frontends := s.running("app=guestbook,tier=frontend", 3)
			s.running("app=redis,role=slave", 2)

			page := "http://" + s.cluster.Machine.IP + ":30001/guestbook.php"
			message := "hello from " + variant
			s.eventually("posting through the node's port", func() error {
				_, _, err := fetch("POST", page, "message="+url.QueryEscape(message))
				return err
			})
			readBackByAll(s, page, message, frontends)
			clusterPage := "http://" + s.get("service/frontend", ".spec.clusterIP") + "/guestbook.php"
			s.kubectl("run", "visitor", "--image=docker.io/coxswain/toolbox:v1")
			s.kubectl("wait", "pod/visitor", "--for=condition=Ready", "--timeout", patience.String())
			for _, address := range []string{clusterPage, "http://frontend/guestbook.php", "http://frontend." + s.name + ".svc.cluster.local/guestbook.php"} {
				if out := s.kubectl("exec", "visitor", "--", "curl", "-sS", "-m", "10", address); !strings.Contains(out, message) {
					t.Errorf("GET %s from a pod: %s", address, out)
				}
			}
			name := "redis-master." + s.name + ".svc.cluster.local"
			if out := s.kubectl("exec", "visitor", "--", "nslookup", name); !strings.Contains(out, s.get("service/redis-master", ".spec.clusterIP")) {
				t.Errorf("nslookup %s: %s", name, out)
			}
			s.kubectl("delete", "-f", filepath.Join(s.cluster.Root, "config", "samples", variant), "--timeout", patience.String())
		})
	}
}

// readBackByAll reads until every front end has shown the message: requests spread over all of them.
func readBackByAll(s *space, page, message string, frontends []string) {
	s.Helper()
	shown := map[string]bool{}
	s.eventually("the message through every front end", func() error {
		for range 10 {
			body, frontend, err := fetch("GET", page, "")
			if err != nil {
				return err
			}
			if !strings.Contains(body, message) {
				return fmt.Errorf("the message is missing: %s", body)
			}
			shown[frontend] = true
		}
		if len(shown) < len(frontends) {
			return fmt.Errorf("only %v of %v answered", shown, frontends)
		}
		return nil
	})
}
