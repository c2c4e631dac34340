package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/test/env"
)

// patience bounds every wait; what a test waits for comes far sooner.
const patience = 2 * time.Minute

// space is a namespace of a test and the verbs of a user in it.
type space struct {
	*testing.T
	cluster *env.Cluster
	name    string
}

// newSpace makes a namespace, which is deleted after the test.
func newSpace(t *testing.T) *space {
	t.Helper()
	return newSpaceOn(t, shared)
}

// newSpaceOn makes a namespace on a cluster.
func newSpaceOn(t *testing.T, cluster *env.Cluster) *space {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("Test", "", "/", "-", "_", "-").Replace(t.Name()))
	s := &space{T: t, cluster: cluster, name: name}
	s.must(s.try("create", "namespace", name))
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := s.try("describe", "pods")
			t.Logf("the pods of %s:\n%s", name, out)
			out, _ = s.try("get", "all,events,endpointslices", "-o", "wide")
			t.Logf("the objects of %s:\n%s", name, out)
		}
		s.must(s.try("delete", "namespace", name, "--wait=false"))
	})
	return s
}

// try runs kubectl in the namespace.
func (s *space) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	return s.cluster.Kubectl(ctx, append([]string{"-n", s.name}, args...)...)
}

// kubectl runs kubectl in the namespace; it must succeed.
func (s *space) kubectl(args ...string) string {
	s.Helper()
	return s.must(s.try(args...))
}

// refused runs kubectl, which must fail, and returns what it says.
func (s *space) refused(args ...string) string {
	s.Helper()
	out, err := s.try(args...)
	if err == nil {
		s.Fatalf("kubectl %s succeeded: %s", strings.Join(args, " "), out)
	}
	return err.Error()
}

// apply creates or changes what the YAML says.
func (s *space) apply(yaml string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.must(s.cluster.KubectlInput(ctx, yaml, "-n", s.name, "apply", "-f", "-"))
}

func (s *space) must(out string, err error) string {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// get returns one field of one object, by a JSONPath without its braces.
func (s *space) get(object, path string) string {
	s.Helper()
	return s.kubectl("get", object, "-o", "jsonpath={"+path+"}")
}

// eventually waits until the check returns nil.
func (s *space) eventually(what string, check func() error) {
	s.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s: %v", what, err)
		}
		time.Sleep(100 * time.Millisecond) // between two looks at a cluster from outside
	}
}

// becomes waits until a field of an object has a value.
func (s *space) becomes(object, path, want string) {
	s.Helper()
	s.eventually(object+" "+path, func() error {
		got, err := s.try("get", object, "-o", "jsonpath={"+path+"}")
		if err == nil && got != want {
			err = fmt.Errorf("%q, want %q", got, want)
		}
		return err
	})
}

// ready waits until a workload has rolled out.
func (s *space) ready(workload string) {
	s.Helper()
	s.kubectl("rollout", "status", workload, "--timeout", patience.String())
}

// running waits until all pods of a selector, as many as wanted, are ready, and returns their names.
func (s *space) running(selector string, want int) []string {
	s.Helper()
	var names []string
	s.eventually(fmt.Sprintf("%d ready pods with %s", want, selector), func() error {
		out, err := s.try("get", "pods", "-l", selector, "-o", "json")
		if err != nil {
			return err
		}
		var list struct {
			Items []struct {
				Metadata struct{ Name, DeletionTimestamp string }
				Status   struct {
					Conditions []struct{ Type, Status string }
				}
			}
		}
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			return err
		}
		names = nil
		for _, item := range list.Items {
			for _, condition := range item.Status.Conditions {
				if condition.Type == "Ready" && condition.Status == "True" && item.Metadata.DeletionTimestamp == "" {
					names = append(names, item.Metadata.Name)
				}
			}
		}
		if len(names) != want || len(list.Items) != want {
			return fmt.Errorf("%d ready of %d", len(names), len(list.Items))
		}
		return nil
	})
	return names
}

// client is a browser that opens a connection for each request, so that each may reach another pod.
var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// fetch returns the body and the header X-Frontend of a 2xx answer.
func fetch(method, url, body string) (answer, frontend string, err error) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return "", "", err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := client.Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, url, response.Status, data)
	}
	return string(data), response.Header.Get("X-Frontend"), err
}
