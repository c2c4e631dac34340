package apiserver

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/services"
)

// TestFamiliesOfServices creates a Service and patches it, on a cluster with two families. What is wanted was recorded
// from a kube-apiserver v1.36.3: policy, families and the families of the addresses, or what is wrong.
func TestFamiliesOfServices(t *testing.T) {
	ts := newServer(t, func(s *Server) {
		s.Services = services.Ranges{CIDRs: []netip.Prefix{netip.MustParsePrefix("10.43.0.0/16"), netip.MustParsePrefix("fd00:43::/112")}}
	})
	for i, test := range []struct {
		what        string
		specs, want []string
	}{
		{"default", []string{`{"selector":{"a":"b"}}`}, []string{`SingleStack IPv4 v4`}},
		{"prefer", []string{`{"selector":{"a":"b"},"ipFamilyPolicy":"PreferDualStack"}`, `{"ipFamilyPolicy":"SingleStack"}`, `{"ipFamilyPolicy":"RequireDualStack"}`}, []string{`PreferDualStack IPv4,IPv6 v4,v6`, `SingleStack IPv4 v4`, `RequireDualStack IPv4,IPv6 v4,v6`}},
		{"require", []string{`{"selector":{"a":"b"},"ipFamilyPolicy":"RequireDualStack"}`}, []string{`RequireDualStack IPv4,IPv6 v4,v6`}},
		{"v6", []string{`{"selector":{"a":"b"},"ipFamilies":["IPv6"]}`, `{"ipFamilyPolicy":"PreferDualStack"}`}, []string{`SingleStack IPv6 v6`, `PreferDualStack IPv6,IPv4 v6,v4`}},
		{"v6 first", []string{`{"selector":{"a":"b"},"ipFamilies":["IPv6","IPv4"],"ipFamilyPolicy":"PreferDualStack"}`}, []string{`PreferDualStack IPv6,IPv4 v6,v4`}},
		{"both no policy", []string{`{"selector":{"a":"b"},"ipFamilies":["IPv6","IPv4"]}`}, []string{`spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified`}},
		{"v6 first req", []string{`{"selector":{"a":"b"},"ipFamilies":["IPv6"],"ipFamilyPolicy":"RequireDualStack"}`}, []string{`RequireDualStack IPv6,IPv4 v6,v4`}},
		{"given v6", []string{`{"selector":{"a":"b"},"clusterIP":"fd00:43::10"}`}, []string{`SingleStack IPv6 v6`}},
		{"given v6 prefer", []string{`{"selector":{"a":"b"},"clusterIP":"fd00:43::11","ipFamilyPolicy":"PreferDualStack"}`}, []string{`PreferDualStack IPv6,IPv4 v6,v4`}},
		{"given both", []string{`{"selector":{"a":"b"},"clusterIP":"10.43.7.7","clusterIPs":["10.43.7.7","fd00:43::12"],"ipFamilyPolicy":"RequireDualStack"}`}, []string{`RequireDualStack IPv4,IPv6 v4,v6`}},
		{"given both no policy", []string{`{"selector":{"a":"b"},"clusterIP":"10.43.7.8","clusterIPs":["10.43.7.8","fd00:43::13"]}`}, []string{`spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified`}},
		{"given v6 says v4", []string{`{"selector":{"a":"b"},"clusterIP":"fd00:43::14","ipFamilies":["IPv4"]}`}, []string{"spec.clusterIPs[0]: Invalid value: \"X\": expected an IPv4 value as indicated by `ipFamilies[0]`"}},
		{"headless", []string{`{"selector":{"a":"b"},"clusterIP":"None"}`}, []string{`SingleStack IPv4 None`}},
		{"headless prefer", []string{`{"selector":{"a":"b"},"clusterIP":"None","ipFamilyPolicy":"PreferDualStack"}`}, []string{`PreferDualStack IPv4,IPv6 None`}},
		{"headless v6", []string{`{"selector":{"a":"b"},"clusterIP":"None","ipFamilies":["IPv6"]}`}, []string{`SingleStack IPv6 None`}},
		{"headless nosel", []string{`{"clusterIP":"None","selector":null}`}, []string{`RequireDualStack IPv4,IPv6 None`}},
		{"headless nosel single", []string{`{"clusterIP":"None","selector":null,"ipFamilyPolicy":"SingleStack"}`}, []string{`SingleStack IPv4 None`}},
		{"headless nosel prefer", []string{`{"clusterIP":"None","selector":null,"ipFamilyPolicy":"PreferDualStack"}`}, []string{`PreferDualStack IPv4,IPv6 None`}},
		{"single to prefer", []string{`{"selector":{"a":"b"}}`, `{"ipFamilyPolicy":"PreferDualStack"}`, `{"ipFamilyPolicy":"SingleStack"}`}, []string{`SingleStack IPv4 v4`, `PreferDualStack IPv4,IPv6 v4,v6`, `SingleStack IPv4 v4`}},
		{"add family", []string{`{"selector":{"a":"b"}}`, `{"ipFamilies":["IPv4","IPv6"],"ipFamilyPolicy":"PreferDualStack"}`}, []string{`SingleStack IPv4 v4`, `PreferDualStack IPv4,IPv6 v4,v6`}},
		{"add family no policy", []string{`{"selector":{"a":"b"}}`, `{"ipFamilies":["IPv4","IPv6"]}`}, []string{`SingleStack IPv4 v4`, `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified`}},
		{"drop family", []string{`{"selector":{"a":"b"},"ipFamilyPolicy":"RequireDualStack"}`, `{"ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack"}`}, []string{`RequireDualStack IPv4,IPv6 v4,v6`, `SingleStack IPv4 v4`}},
		{"drop family keep policy", []string{`{"selector":{"a":"b"},"ipFamilyPolicy":"RequireDualStack"}`, `{"ipFamilies":["IPv4"]}`}, []string{`RequireDualStack IPv4,IPv6 v4,v6`, `spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be 'SingleStack' to release the secondary IP family`}},
		{"drop ips only", []string{`{"selector":{"a":"b"},"ipFamilyPolicy":"RequireDualStack","clusterIP":"10.43.8.1","clusterIPs":["10.43.8.1","fd00:43::20"]}`, `{"clusterIPs":["10.43.8.1"],"ipFamilyPolicy":"SingleStack"}`}, []string{`RequireDualStack IPv4,IPv6 v4,v6`, `SingleStack IPv4 v4`}},
		{"swap", []string{`{"selector":{"a":"b"},"ipFamilyPolicy":"RequireDualStack"}`, `{"ipFamilies":["IPv6","IPv4"]}`}, []string{`RequireDualStack IPv4,IPv6 v4,v6`, "[spec.clusterIPs[0]: Invalid value: \"X\": expected an IPv6 value as indicated by `ipFamilies[0]`, spec.clusterIPs[1]: Invalid value: \"X\": expected an IPv4 value as indicated by `ipFamilies[1]`]"}},
		{"ips keep policy", []string{`{"ipFamilyPolicy":"RequireDualStack","clusterIP":"10.43.9.1","clusterIPs":["10.43.9.1","fd00:43::30"]}`, `{"clusterIPs":["10.43.9.1"]}`}, []string{`RequireDualStack IPv4,IPv6 v4,v6`, `spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be 'SingleStack' to release the secondary cluster IP`}},
		{"to name and back", []string{`{"selector":{"a":"b"},"ipFamilyPolicy":"RequireDualStack"}`, `{"type":"ExternalName","externalName":"a.b"}`, `{"type":"ClusterIP","externalName":null}`}, []string{`RequireDualStack IPv4,IPv6 v4,v6`, `None`, `SingleStack IPv4 v4`}},
		{"three families", []string{`{"selector":{"a":"b"},"ipFamilies":["IPv4","IPv6","IPv4"],"ipFamilyPolicy":"RequireDualStack"}`}, []string{`spec.ipFamilies[2]: Duplicate value: "IPv4"`}},
		{"two v4", []string{`{"selector":{"a":"b"},"clusterIP":"10.43.8.2","clusterIPs":["10.43.8.2","10.43.8.3"],"ipFamilyPolicy":"RequireDualStack"}`}, []string{`spec.clusterIPs: Invalid value: ["X","X"]: may specify no more than one IP for each IP family`}},
		{"headless to prefer", []string{`{"selector":{"a":"b"},"clusterIP":"None"}`, `{"ipFamilyPolicy":"PreferDualStack"}`, `{"ipFamilyPolicy":"SingleStack"}`}, []string{`SingleStack IPv4 None`, `PreferDualStack IPv4,IPv6 None`, `SingleStack IPv4 None`}},
		{"change second", []string{`{"selector":{"a":"b"},"ipFamilyPolicy":"RequireDualStack","clusterIP":"10.43.8.4","clusterIPs":["10.43.8.4","fd00:43::21"]}`, `{"clusterIPs":["10.43.8.4","fd00:43::22"]}`}, []string{`RequireDualStack IPv4,IPv6 v4,v6`, `spec.clusterIPs[1]: Invalid value: ["X","X"]: may not change once set`}},
	} {
		t.Run(test.what, func(t *testing.T) {
			name := fmt.Sprintf("s%d", i)
			got := families(t, ts.post(servicesPath, `{"metadata":{"name":"`+name+`"},"spec":`+strings.Replace(test.specs[0], "{", `{"ports":[{"port":80}],`, 1)+`}`))
			if got != test.want[0] {
				t.Errorf("created %s: %s, want %s", test.specs[0], got, test.want[0])
			}
			for j, patch := range test.specs[1:] {
				if got := families(t, ts.patch(mergePatch, servicesPath+"/"+name, `{"spec":`+patch+`}`)); got != test.want[j+1] {
					t.Errorf("patched with %s: %s, want %s", patch, got, test.want[j+1])
				}
			}
		})
	}
}

var anAddress = regexp.MustCompile(`10\.43\.\d+\.\d+|fd00:43::[0-9a-f]+`)

func families(t *testing.T, a *answered) string {
	t.Helper()
	if a.code >= 300 {
		_, problem, _ := strings.Cut(a.status().Message, "is invalid: ")
		return anAddress.ReplaceAllString(problem, "X")
	}
	service := &corev1.Service{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(a.object().Object, service); err != nil {
		t.Fatal(err)
	}
	var of, addresses []string
	for _, family := range service.Spec.IPFamilies {
		of = append(of, string(family))
	}
	for _, address := range service.Spec.ClusterIPs {
		switch {
		case address == corev1.ClusterIPNone:
		case strings.Contains(address, ":"):
			address = "v6"
		default:
			address = "v4"
		}
		addresses = append(addresses, address)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", ptr.Deref(service.Spec.IPFamilyPolicy, "None"), strings.Join(of, ","), strings.Join(addresses, ",")))
}
