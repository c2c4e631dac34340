package e2e

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestLooking asks for objects in all the forms there are.
func TestLooking(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.manifest("worker")
	u.up("worker")
	u.ready("deployment/web")
	u.over("done")
	u.event("worker", "Normal", "Scheduled", "Successfully assigned") // of many pods it is written when no more are bound
	u.each(user.seesColumns)
	u.selects()
	u.describes()
	u.watches()
	u.proxies()
	u.tops()
}

// heads checks the names of a table's columns.
func (u user) heads(out string, want string) {
	u.Helper()
	head, _, _ := strings.Cut(out, "\n")
	u.same("the columns", strings.Join(regexp.MustCompile(` {2,}`).Split(strings.TrimSpace(head), -1), "|"), want)
}

func (u user) seesColumns() {
	u.Helper()
	for what, want := range map[string]string{
		"pods":            "NAME|READY|STATUS|RESTARTS|AGE|IP|NODE|NOMINATED NODE|READINESS GATES",
		"deployments":     "NAME|READY|UP-TO-DATE|AVAILABLE|AGE|CONTAINERS|IMAGES|SELECTOR",
		"replicasets":     "NAME|DESIRED|CURRENT|READY|AGE|CONTAINERS|IMAGES|SELECTOR",
		"services":        "NAME|TYPE|CLUSTER-IP|EXTERNAL-IP|PORT(S)|AGE|SELECTOR",
		"endpointslices":  "NAME|ADDRESSTYPE|PORTS|ENDPOINTS|AGE",
		"nodes":           "NAME|STATUS|ROLES|AGE|VERSION|INTERNAL-IP|EXTERNAL-IP|OS-IMAGE|KERNEL-VERSION|CONTAINER-RUNTIME",
		"events":          "LAST SEEN|TYPE|REASON|OBJECT|SUBOBJECT|SOURCE|MESSAGE|FIRST SEEN|COUNT|NAME",
		"namespaces":      "NAME|STATUS|AGE",
		"configmaps":      "NAME|DATA|AGE",
		"serviceaccounts": "NAME|AGE",
	} {
		u.heads(u.sees("get", what, "-o", "wide"), want)
	}
	u.heads(u.sees("get", "pods", "-A"), "NAMESPACE|NAME|READY|STATUS|RESTARTS|AGE")
	u.heads(u.sees("get", "pods", "--show-labels", "-L", "app"), "NAME|READY|STATUS|RESTARTS|AGE|APP|LABELS")
	u.says("two kinds", u.sees("get", "deployment,service"), "deployment.apps/web ", "service/web ")
	u.says("a row", strings.Join(strings.Fields(u.sees("get", "pod", "worker", "--no-headers")), " "), "worker 2/2 Running 0 ")
	u.says("a row", strings.Join(strings.Fields(u.sees("get", "pod", "done", "--no-headers")), " "), "done 0/1 Completed 0 ")
	u.same("JSONPath", u.sees("get", "pod", "worker", "-o", "jsonpath={range .spec.containers[*]}{.name},{end}"), "main,side,")
	u.same("a template", u.sees("get", "pod", "worker", "-o", "go-template={{.metadata.name}} {{len .spec.containers}}"), "worker 2")
	u.same("columns of one's own", u.sees("get", "pods", "worker", "done", "-o", "custom-columns=WHO:.metadata.name,HOW:.status.phase", "--no-headers"), "worker   Running\ndone     Succeeded")
	u.lines("YAML", u.sees("get", "service", "web", "-o", "yaml"), "apiVersion: v1", "kind: Service", "  sessionAffinity: None")
	var list struct{ Kind string }
	if err := json.Unmarshal([]byte(u.sees("get", "pods", "-o", "json")), &list); err != nil || list.Kind != "List" {
		u.Errorf("JSON of a list is a %q, %v", list.Kind, err)
	}
	u.same("names", u.sees("get", "pod/done", "service/web", "-o", "name"), "pod/done\nservice/web")
	u.says("no such object", u.fails(1, "get", "pod", "nope"), `Error from server (NotFound): pods "nope" not found`)
	u.says("no such kind", u.fails(1, "get", "nopes"), `error: the server doesn't have a resource type "nopes"`)
	u.same("nothing", u.fails(0, "get", "jobs"), "No resources found in "+u.name+" namespace.")
}

func (u user) selects() {
	u.Helper()
	u.same("a selector", u.sees("get", "pods", "-l", "app in (worker,x),!tier", "-o", "name"), "pod/worker")
	u.same("a field selector", u.sees("get", "pods", "--field-selector", "status.phase!=Running", "-o", "name"), "pod/done")
	u.same("two fields", u.sees("get", "pods", "--field-selector", "metadata.name=worker,spec.nodeName="+u.cluster.Machine.Name, "-o", "name"), "pod/worker")
	u.same("sorted by name", u.sees("get", "pods", "worker", "done", "--sort-by=.metadata.name", "-o", "name"), "pod/done\npod/worker")
	u.says("an unknown field", u.fails(1, "get", "pods", "--field-selector", "spec.x=y"),
		`Error from server (BadRequest): Unable to find "/v1, Resource=pods" that match label selector "", field selector "spec.x=y": field label not supported: spec.x`)
	u.says("events of one object", u.sees("events", "--for", "pod/worker", "--no-headers"), "Scheduled", "Pod/worker", "Successfully assigned "+u.name+"/worker to ")
	u.same("warnings", u.fails(0, "events", "--types=Warning", "--for", "pod/done"), "No events found in "+u.name+" namespace.")
	sorted := strings.Fields(strings.ReplaceAll(u.sees("get", "events", "--sort-by=.lastTimestamp", "-o", "jsonpath={.items[*].lastTimestamp}"), "null", ""))
	for i := 1; i < len(sorted); i++ {
		if sorted[i-1] > sorted[i] {
			u.Errorf("events are not sorted: %s", sorted)
		}
	}
}

func (u user) describes() {
	u.Helper()
	pod := u.sees("describe", "pod", "worker")
	_, events, _ := strings.Cut(pod, "\nEvents:\n")
	u.says("describe pod", pod, "Name:             worker\n", "Service Account:  default\n", "Status:           Running\n", "IPs:\n", "    State:          Running\n", "QoS Class:                   BestEffort\n",
		"node.kubernetes.io/not-ready:NoExecute op=Exists for 300s\n", "  kube-api-access-")
	for _, row := range []string{`Normal +Scheduled +\S+ +default-scheduler +Successfully assigned`, `Normal +Pulled +\S+ +kubelet +.*already present on machine`, `Normal +Created +\S+ +kubelet +`, `Normal +Started +\S+ +kubelet +`} {
		if !regexp.MustCompile(row).MatchString(events) {
			u.Errorf("the events of the pod have no %q:\n%s", row, events)
		}
	}
	set := u.get("replicaset", ".items[0].metadata.name")
	u.says("describe deployment", u.sees("describe", "deployment", "web"), "1 desired | 1 updated | 1 total | 1 available | 0 unavailable\n", "StrategyType:           RollingUpdate\n",
		"NewReplicaSet:   "+set+" (1/1 replicas created)\n", "ScalingReplicaSet ", "Scaled up replica set "+set+" from 0 to 1\n", "Readiness:     tcp-socket :http delay=0s timeout=1s period=1s #success=1 #failure=3\n")
	u.says("describe replicaset", u.sees("describe", "replicaset", set), "Controlled By:  Deployment/web\n", "1 Running / 0 Waiting / 0 Succeeded / 0 Failed\n", "SuccessfulCreate ", "Created pod: "+set+"-")
	u.says("describe service", u.sees("describe", "service", "web"), "Type:                     ClusterIP\n", "TargetPort:               http/TCP\n", ":8080\n", "Session Affinity:         None\n")
	u.says("describe node", u.sees("describe", "node", u.cluster.Machine.Name), "Roles: ", "Lease:\n  HolderIdentity:  "+u.cluster.Machine.Name+"\n", "KubeletReady ",
		"PodCIDR: ", "Non-terminated Pods: ", "Allocated resources:\n", "  Normal  NodeReady ", "  Normal  RegisteredNode ")
	u.says("describe namespace", u.sees("describe", "namespace", u.name), "Status:       Active\n", "No resource quota.\n", "No LimitRange resource.\n")
}

// watches follows one pod through its life.
func (u user) watches() {
	u.Helper()
	all := u.starts("get", "pods", "-w")
	only := u.starts("get", "pods", "--watch-only", "-o", "name")
	typed := u.starts("get", "pods", "-w", "--output-watch-events", "-o", "wide")
	all.says("worker ")
	typed.says("ADDED ")
	u.eventually("the watch of names to begin", func() error { // it says nothing of what there is
		_ = u.sees("label", "pod", "done", "seen="+time.Now().Format("150405.000"), "--overwrite")
		return nonempty(only.said())
	})
	u.sees("run", "passing", "--image="+toolbox, "--restart=Never", "--command", "--", "sleep", "0.5")
	u.over("passing")
	u.sees("delete", "pod", "passing")
	said := typed.says("DELETED ")
	for _, row := range []string{`ADDED +passing +0/1 +Pending +0 +\ds +<none> +<none>`, `MODIFIED +passing +0/1 +ContainerCreating +0`, `MODIFIED +passing +1/1 +Running +0 +\ds +10\.42\.`, `MODIFIED +passing +0/1 +Completed +0`, `DELETED +passing `} {
		if !regexp.MustCompile(row).MatchString(said) {
			u.Errorf("the watch shows no %q:\n%s", row, said)
		}
	}
	all.says("passing ", "Pending", "ContainerCreating", "Completed")
	u.says("the watch of names", only.says("pod/passing\n"), "pod/done\n")
	if strings.Contains(only.said(), "pod/worker") {
		u.Errorf("--watch-only shows what there was: %s", only.said())
	}
}

// proxies reaches the API, a pod and a Service without credentials, through kubectl.
func (u user) proxies() {
	u.Helper()
	proxy := u.starts("proxy", "--port=0")
	url := "http://" + regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(proxy.says("Starting to serve on 127.0.0.1:"))
	pod := u.get("pods", ".items[?(@.metadata.labels.app=='web')].metadata.name")
	here := url + "/api/v1/namespaces/" + u.name
	for path, want := range map[string]string{
		url + "/version":                                                   `"gitVersion": "v1.36.`,
		here + "/pods/worker":                                              `"kind":"Pod"`,
		here + "/pods/" + pod + ":8080/proxy/":                             pod,
		here + "/services/web/proxy/":                                      pod,
		here + "/services/web:web/proxy/":                                  pod,
		here + "/services/http:web:web/proxy/":                             pod,
		url + "/api/v1/nodes/" + u.cluster.Machine.Name + "/proxy/healthz": "ok",
	} {
		page, _, err := fetch("GET", path, "")
		if err != nil || !strings.Contains(page, want) {
			u.Errorf("%s: %q, %v", path, page, err)
		}
	}
	if _, _, err := fetch("GET", here+"/services/web:nope/proxy/", ""); err == nil || !strings.Contains(err.Error(), `no service port \"nope\" found for service \"web\"`) {
		u.Errorf("a port that is not there: %v", err)
	}
}

func (u user) tops() {
	u.Helper()
	u.eventually("metrics of the pod", func() error {
		out, err := u.try("top", "pod", "worker", "--containers", "--no-headers")
		if err == nil && !regexp.MustCompile(`(?s)worker +main +\d+m +\d+Mi.*worker +side +\d+m +\d+Mi`).MatchString(out) {
			u.Errorf("top pod --containers:\n%s", out)
		}
		return err
	})
	u.each(func(u user) {
		u.heads(u.sees("top", "pod"), "NAME|CPU(cores)|MEMORY(bytes)")
		u.heads(u.sees("top", "pod", "worker", "--containers"), "POD|NAME|CPU(cores)|MEMORY(bytes)")
		if out := u.sees("top", "node"); !regexp.MustCompile(u.cluster.Machine.Name + ` +\d+m +\d+% +\d+Mi +\d+%`).MatchString(out) {
			u.Errorf("top node:\n%s", out)
		}
	})
	u.says("top of a pod that is not there", u.fails(1, "top", "pod", "nope"), `pods "nope" not found`)
}
