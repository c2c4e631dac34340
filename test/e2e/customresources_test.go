package e2e

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// boat is the definition of boats in three versions: v1 is stored and says "crew: 8+cox", v2 has a number and a flag, v3 is v2 under
// another name.
const boat = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.rowing.example.com}
spec:
  group: rowing.example.com
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat, shortNames: [bt]}
  conversion:
    strategy: Webhook
    webhook: {conversionReviewVersions: [v1], clientConfig: {url: %q, caBundle: %q}}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {crew: {type: string}}}}}}}
  - name: v2
    served: true
    storage: false
    additionalPrinterColumns: [{name: Oars, type: integer, jsonPath: .spec.oars}, {name: Coxed, type: boolean, jsonPath: .spec.coxed}]
    schema: {openAPIV3Schema: {type: object, properties: {spec: &spec {type: object, required: [oars], properties: {
      oars: {type: integer, minimum: 1}, coxed: {type: boolean, default: false}}, x-kubernetes-validations: [{rule: "self.coxed || self.oars <= 4", message: eights are coxed}]}}}}
  - {name: v3, served: true, storage: false, schema: {openAPIV3Schema: {type: object, properties: {spec: *spec}}}}
`

// review is as much of a ConversionReview as the converter of boats needs.
type review struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Request    *struct {
		UID               string           `json:"uid"`
		DesiredAPIVersion string           `json:"desiredAPIVersion"`
		Objects           []map[string]any `json:"objects"`
	} `json:"request,omitempty"`
	Response map[string]any `json:"response,omitempty"`
}

func convertBoats(w http.ResponseWriter, r *http.Request) {
	var asked review
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, obj := range asked.Request.Objects {
		spec, _ := obj["spec"].(map[string]any)
		crew, old := spec["crew"].(string)
		switch to := asked.Request.DesiredAPIVersion; {
		case strings.HasSuffix(to, "/v1") && !old:
			crew = fmt.Sprint(spec["oars"])
			if spec["coxed"] == true {
				crew += "+cox"
			}
			obj["spec"] = map[string]any{"crew": crew}
		case !strings.HasSuffix(to, "/v1") && old:
			number, coxed := strings.CutSuffix(crew, "+cox")
			obj["spec"] = map[string]any{"oars": json.Number(number), "coxed": coxed}
		}
		obj["apiVersion"] = asked.Request.DesiredAPIVersion
	}
	asked.Response = map[string]any{"uid": asked.Request.UID, "convertedObjects": asked.Request.Objects, "result": map[string]any{"status": "Success"}}
	asked.Request = nil
	_ = json.NewEncoder(w).Encode(asked)
}

// serveConversions runs the converter of boats in this process, and returns its address as the cluster sees it, and its CA.
func serveConversions(t *testing.T) (url, bundle string) {
	t.Helper()
	gateway := strings.TrimSuffix(shared.Machine.IP, ".2") + ".1"
	authority, err := pki.Open(t.TempDir(), "boats", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Leaf(pki.Request{Name: "converter", CommonName: "converter", Addresses: []net.IP{net.ParseIP(gateway)}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(convertBoats))
	if server.Listener, err = net.Listen("tcp", net.JoinHostPort(gateway, "0")); err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair.TLS()}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return "https://" + server.Listener.Addr().String(), base64.StdEncoding.EncodeToString(authority.CertPEM)
}

func TestCustomResourcesInThreeVersions(t *testing.T) {
	s := newSpace(t)
	url, bundle := serveConversions(t)
	s.apply(fmt.Sprintf(boat, url, bundle))
	t.Cleanup(func() { s.kubectl("delete", "crd", "boats.rowing.example.com") })
	s.kubectl("wait", "--for=condition=Established", "crd/boats.rowing.example.com")

	s.apply("{apiVersion: rowing.example.com/v1, kind: Boat, metadata: {name: eight}, spec: {crew: 8+cox}}")
	s.apply("{apiVersion: rowing.example.com/v3, kind: Boat, metadata: {name: four}, spec: {oars: 4}}")
	if got := s.kubectl("get", "boats.v2.rowing.example.com", "--no-headers"); strings.Join(strings.Fields(got), " ") != "eight 8 true four 4 false" {
		t.Errorf("the boats in v2: %s", got)
	}
	if crew := s.get("boats.v1.rowing.example.com/four", ".spec.crew"); crew != "4" {
		t.Errorf("the four is stored as %q", crew)
	}
	refused := s.refused("patch", "boats.v2.rowing.example.com", "eight", "--type=merge", "-p", `{"spec":{"coxed":false}}`)
	if !strings.Contains(refused, "eights are coxed") {
		t.Errorf("the rule did not speak: %s", refused)
	}
	s.kubectl("patch", "boats.v3.rowing.example.com", "four", "--type=merge", "-p", `{"spec":{"coxed":true}}`)
	if crew := s.get("boats.v1.rowing.example.com/four", ".spec.crew"); crew != "4+cox" {
		t.Errorf("the four has become %q", crew)
	}
	if explained := s.kubectl("explain", "boats.spec", "--api-version=rowing.example.com/v2"); !strings.Contains(explained, "oars") {
		t.Errorf("explain says: %s", explained)
	}
}
