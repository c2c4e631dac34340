package apis

import (
	"context"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// TestImpossibleNodesStay: values that no label can have are refused in the nodes that a new object requires, but an
// object that was stored with one when they were not looked at can still be changed.
func TestImpossibleNodesStay(t *testing.T) {
	const (
		nodes    = `{nodeSelectorTerms: [{matchExpressions: [{key: k, operator: In, values: [VALUE]}]}]}`
		spec     = `{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: ` + nodes + `}}, restartPolicy: RESTART, containers: [{name: c, image: x}]}`
		template = `{metadata: {labels: {app: x}}, spec: ` + spec + `}`
		workload = `{selector: {matchLabels: {app: x}}, template: ` + template + `}`
	)
	rows := All()
	for _, c := range []struct{ apiVersion, kind, rest string }{
		{"v1", "Pod", `spec: ` + spec},
		{"v1", "PodTemplate", `template: ` + template},
		{"v1", "ReplicationController", `spec: {selector: {app: x}, template: ` + template + `}`},
		{"v1", "PersistentVolume", `spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /x}, nodeAffinity: {required: ` + nodes + `}}`},
		{"apps/v1", "ReplicaSet", `spec: ` + workload},
		{"apps/v1", "Deployment", `spec: ` + workload},
		{"apps/v1", "DaemonSet", `spec: ` + workload},
		{"apps/v1", "StatefulSet", `spec: ` + workload},
		{"batch/v1", "Job", `spec: {suspend: true, template: ` + template + `}`},
		{"batch/v1", "CronJob", `spec: {schedule: '* * * * *', jobTemplate: {spec: {template: ` + template + `}}}`},
	} {
		t.Run(c.kind, func(t *testing.T) {
			object := func(value string) (resource.Object, *resource.Resource) {
				restart := "Always"
				if c.apiVersion == "batch/v1" {
					restart = "Never"
				}
				text := "{apiVersion: " + c.apiVersion + ", kind: " + c.kind + ", metadata: {name: n}, " + c.rest + "}"
				obj, v, r := decode(t, rows, []byte(strings.NewReplacer("VALUE", value, "RESTART", restart).Replace(text)))
				return create(t, obj, v, r), r
			}
			good, r := object("good")
			bad, _ := object("'no label'")
			annotated := bad.DeepCopyObject().(resource.Object)
			annotated.SetAnnotations(map[string]string{"a": "b"})
			ctx := context.Background()
			if errs := r.ValidateUpdate(ctx, annotated, bad); len(errs) > 0 {
				t.Errorf("kept: %v", errs)
			}
			if errs := r.ValidateUpdate(ctx, bad, good); !strings.Contains(errs.ToAggregate().Error(), "values[0]: Invalid value: \"no label\"") {
				t.Errorf("in an update: %v", errs)
			}
			if errs := r.Validate(ctx, bad); len(errs) != 1 {
				t.Errorf("in a new object: %v", errs)
			}
		})
	}
}
