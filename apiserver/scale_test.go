package apiserver

import (
	"testing"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

func TestAnAppliedScaleOwnsTheReplicas(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.FieldManager = &fieldmanager.Generic{Scheme: apis.NewScheme()} })
	const deployments, apply = "/apis/apps/v1/namespaces/default/deployments", "application/apply-patch+yaml"
	const scale = deployments + "/d/scale?fieldManager="
	ts.post(deployments+"?fieldManager=maker", `{"metadata":{"name":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},`+
		`"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}}}`).wants(201)
	three := `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d"},"spec":{"replicas":3}}`
	ts.patch(apply, scale+"me", three).wants(409).says(`conflict with \"maker\" using autoscaling/v1: .spec.replicas`)
	ts.patch(apply, scale+"me&force=true", three).wants(200).says(`"replicas":3`).says(`"kind":"Scale"`)
	ts.get(deployments + "/d").wants(200).says(`"manager":"me","operation":"Apply"`).says(`"subresource":"scale"`).says(`"generation":2`)
	ts.patch(apply, scale+"me", `{"spec":{"replicas":1}}`).wants(400).says("invalid object type: /, Kind=")
	ts.patch(apply, scale+"me", `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d"},"spec":{"replica":1}}`).wants(500).
		says("(/d; autoscaling/v1, Kind=Scale): .spec.replica: field not declared in schema")
	ts.patch(apply, deployments+"/d/scale", three).wants(422).says("fieldManager: Required value: is required for apply patch")
}
