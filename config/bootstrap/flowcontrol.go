package bootstrap

import (
	"fmt"
	"slices"
	"sync"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

const autoUpdateSpec = "apf.kubernetes.io/autoupdate-spec"

// FlowControl returns priority levels and the flow schemas that sort requests into them. They are made once in a
// process: who changes one changes a copy of it.
func FlowControl() []resource.Object { return slices.Clone(flowControl()) }

var flowControl = sync.OnceValue(func() []resource.Object { return append(priorityLevels(), flowSchemas()...) })

// level is one row: shares of the server's concurrency, the percentage that others may borrow, and its queues
// (none: what is too much is rejected).
type level struct {
	name               string
	shares, lendable   int32
	queues, hand, wait int32
}

func priorityLevels() []resource.Object {
	all := []resource.Object{&flowcontrolv1.PriorityLevelConfiguration{
		TypeMeta: flowKind("PriorityLevelConfiguration"), ObjectMeta: flowMeta("exempt"),
		Spec: flowcontrolv1.PriorityLevelConfigurationSpec{
			Type:   flowcontrolv1.PriorityLevelEnablementExempt,
			Exempt: &flowcontrolv1.ExemptPriorityLevelConfiguration{NominalConcurrencyShares: ptr.To[int32](0), LendablePercent: ptr.To[int32](0)},
		},
	}}
	for _, row := range []level{
		{"catch-all", 5, 0, 0, 0, 0},
		{"global-default", 20, 50, 128, 6, 50},
		{"leader-election", 10, 0, 16, 4, 50},
		{"node-high", 40, 25, 64, 6, 50},
		{"system", 30, 33, 64, 6, 50},
		{"workload-high", 40, 50, 128, 6, 50},
		{"workload-low", 100, 90, 128, 6, 50},
	} {
		response := flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject}
		if row.queues > 0 {
			response = flowcontrolv1.LimitResponse{
				Type:    flowcontrolv1.LimitResponseTypeQueue,
				Queuing: &flowcontrolv1.QueuingConfiguration{Queues: row.queues, HandSize: row.hand, QueueLengthLimit: row.wait},
			}
		}
		all = append(all, &flowcontrolv1.PriorityLevelConfiguration{
			TypeMeta: flowKind("PriorityLevelConfiguration"), ObjectMeta: flowMeta(row.name),
			Spec: flowcontrolv1.PriorityLevelConfigurationSpec{
				Type: flowcontrolv1.PriorityLevelEnablementLimited,
				Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
					NominalConcurrencyShares: ptr.To(row.shares), LendablePercent: ptr.To(row.lendable), LimitResponse: response,
				},
			},
		})
	}
	return all
}

// schemaRow is one flow schema: whose requests, of what kind, go to which level.
type schemaRow struct {
	name, level string
	precedence  int32
	by          flowcontrolv1.FlowDistinguisherMethodType
	rule        flowcontrolv1.PolicyRulesWithSubjects
	subjects    []flowcontrolv1.Subject
}

func flowSchemas() []resource.Object {
	byUser, byNamespace := flowcontrolv1.FlowDistinguisherMethodByUserType, flowcontrolv1.FlowDistinguisherMethodByNamespaceType
	everyone := []flowcontrolv1.Subject{group(user.AllUnauthenticated), group(user.AllAuthenticated)}
	systemAccounts := account(metav1.NamespaceSystem, flowcontrolv1.NameAll)
	manager, scheduler := userSubject(user.KubeControllerManager), userSubject(user.KubeScheduler)
	nodes := []flowcontrolv1.Subject{group(user.NodesGroup)}
	var all []resource.Object
	for _, row := range []schemaRow{
		{"exempt", "exempt", 1, "", anything(), []flowcontrolv1.Subject{group(user.SystemPrivilegedGroup)}},
		{"probes", "exempt", 2, "", probes(), everyone},
		{"system-leader-election", "leader-election", 100, byUser, leases("get", "create", "update"), []flowcontrolv1.Subject{manager, scheduler, systemAccounts}},
		{"system-node-high", "node-high", 400, byUser, heartbeats(), nodes},
		{"system-nodes", "system", 500, byUser, anything(), nodes},
		{"kube-controller-manager", "workload-high", 800, byNamespace, anything(), []flowcontrolv1.Subject{manager}},
		{"kube-scheduler", "workload-high", 800, byNamespace, anything(), []flowcontrolv1.Subject{scheduler}},
		{"kube-system-service-accounts", "workload-high", 900, byNamespace, anything(), []flowcontrolv1.Subject{systemAccounts}},
		{"service-accounts", "workload-low", 9000, byUser, anything(), []flowcontrolv1.Subject{group("system:serviceaccounts")}},
		{"global-default", "global-default", 9900, byUser, anything(), everyone},
		{"catch-all", "catch-all", 10000, byUser, anything(), everyone},
	} {
		all = append(all, row.object())
	}
	return all
}

func (row *schemaRow) object() *flowcontrolv1.FlowSchema {
	row.rule.Subjects = row.subjects
	schema := &flowcontrolv1.FlowSchema{
		TypeMeta: flowKind("FlowSchema"), ObjectMeta: flowMeta(row.name),
		Spec: flowcontrolv1.FlowSchemaSpec{
			PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: row.level},
			MatchingPrecedence:         row.precedence,
			Rules:                      []flowcontrolv1.PolicyRulesWithSubjects{row.rule},
		},
		Status: flowcontrolv1.FlowSchemaStatus{Conditions: []flowcontrolv1.FlowSchemaCondition{{
			Type: flowcontrolv1.FlowSchemaConditionDangling, Status: flowcontrolv1.ConditionFalse, Reason: "Found",
			Message: fmt.Sprintf("This FlowSchema references the PriorityLevelConfiguration object named %q and it exists", row.level),
		}}},
	}
	if row.by != "" {
		schema.Spec.DistinguisherMethod = &flowcontrolv1.FlowDistinguisherMethod{Type: row.by}
	}
	return schema
}

func flowKind(name string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: flowcontrolv1.SchemeGroupVersion.String(), Kind: name}
}

func flowMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Annotations: map[string]string{autoUpdateSpec: "true"}}
}
