package apiserver

import (
	"fmt"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	servicesPath = "/api/v1/namespaces/default/services"
	addresses    = "/apis/networking.k8s.io/v1/ipaddresses"
)

func service(name, spec string) string {
	return `{"apiVersion":"v1","kind":"Service","metadata":{"name":"` + name + `"},"spec":{"selector":{"a":"b"},` + spec + `}}`
}

func clusterIP(obj *unstructured.Unstructured) string {
	address, _, _ := unstructured.NestedString(obj.Object, "spec", "clusterIP")
	return address
}

func TestServicesGetAddressesAndGiveThemBack(t *testing.T) {
	ts := newServer(t)
	address := clusterIP(ts.post(servicesPath, service("a", `"ports":[{"port":80}]`)).wants(201).object())
	ts.get(addresses + "/" + address).wants(200).says(`"name":"a"`)
	ts.post(servicesPath, service("b", `"clusterIP":"`+address+`","ports":[{"port":80}]`)).wants(422).says("provided IP is already allocated")
	ts.post(servicesPath, service("b", `"clusterIP":"1.2.3.4","ports":[{"port":80}]`)).wants(422).says("the provided network does not match the current range")
	ts.post(servicesPath+"?dryRun=All", service("b", `"clusterIP":"10.43.5.5","ports":[{"port":80}]`)).wants(201)
	ts.get(addresses + "/10.43.5.5").wants(404)
	ts.post(servicesPath, service("none", `"clusterIP":"None","ports":[{"port":80}]`)).wants(201).says(`"clusterIPs":["None"]`)
	ts.delete(servicesPath+"/a", "").wants(200)
	ts.get(addresses + "/" + address).wants(404)
	ts.post(servicesPath, service("b", `"clusterIP":"`+address+`","ports":[{"port":80}]`)).wants(201)
}

func TestNodePortsAreGivenOutOnce(t *testing.T) {
	ts := newServer(t)
	spec := `"type":"NodePort","ports":[{"port":80,"nodePort":30001}]`
	ts.post(servicesPath, service("a", spec)).wants(201)
	ts.post(servicesPath, service("b", spec)).wants(422).says("provided port is already allocated")
	ts.post(servicesPath, service("b", `"type":"NodePort","ports":[{"port":80,"nodePort":80}]`)).wants(422).says("The range of valid ports is 30000-32767")
	ts.post(servicesPath, service("auto", `"type":"NodePort","ports":[{"name":"t","port":53},{"name":"u","port":53,"protocol":"UDP"}]`)).wants(201)
	ts.patch(mergePatch, servicesPath+"/a", `{"spec":{"type":"ClusterIP"}}`).wants(200)
	ts.post(servicesPath, service("b", spec)).wants(201)
	ts.post(servicesPath, service("lb", `"type":"LoadBalancer","externalTrafficPolicy":"Local","ports":[{"port":80}]`)).wants(201).says("healthCheckNodePort")
}

func TestConcurrentServicesGetAddressesOfTheirOwn(t *testing.T) {
	ts := newServer(t)
	var mu sync.Mutex
	var group sync.WaitGroup
	seen := map[string]bool{}
	for i := range 20 {
		group.Go(func() {
			obj := ts.post(servicesPath, service(fmt.Sprintf("s%d", i), `"type":"NodePort","ports":[{"port":80}]`)).object()
			ports, _, _ := unstructured.NestedSlice(obj.Object, "spec", "ports")
			mu.Lock()
			defer mu.Unlock()
			if len(ports) != 1 {
				t.Errorf("no service: %v", obj)
				return
			}
			seen[clusterIP(obj)], seen[fmt.Sprint(ports[0].(map[string]any)["nodePort"])] = true, true
		})
	}
	group.Wait()
	if len(seen) != 40 {
		t.Errorf("got %d different addresses and ports, want 40", len(seen))
	}
}
