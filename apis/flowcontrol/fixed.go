package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/utils/ptr"
)

// The objects that every cluster has, and that nobody may change.
const (
	exempt   = "exempt"
	catchAll = "catch-all"
)

// Where the two of them stand among the schemas.
const (
	firstPrecedence = 1
	lastPrecedence  = 10000
)

// fixedFlowSchema is what the schema of that name must be, or nil where it is free.
func fixedFlowSchema(name string) *flowcontrolv1.FlowSchemaSpec {
	switch name {
	case exempt:
		return &flowcontrolv1.FlowSchemaSpec{
			PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: exempt},
			MatchingPrecedence:         firstPrecedence,
			Rules:                      everything("system:masters"),
		}
	case catchAll:
		return &flowcontrolv1.FlowSchemaSpec{
			PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: catchAll},
			MatchingPrecedence:         lastPrecedence,
			DistinguisherMethod:        &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByUserType},
			Rules:                      everything("system:unauthenticated", "system:authenticated"),
		}
	}
	return nil
}

func everything(groups ...string) []flowcontrolv1.PolicyRulesWithSubjects {
	rule := flowcontrolv1.PolicyRulesWithSubjects{
		ResourceRules: []flowcontrolv1.ResourcePolicyRule{{
			Verbs: []string{all}, APIGroups: []string{all}, Resources: []string{all}, Namespaces: []string{all}, ClusterScope: true,
		}},
		NonResourceRules: []flowcontrolv1.NonResourcePolicyRule{{Verbs: []string{all}, NonResourceURLs: []string{all}}},
	}
	for _, group := range groups {
		rule.Subjects = append(rule.Subjects, flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindGroup, Group: &flowcontrolv1.GroupSubject{Name: group}})
	}
	return []flowcontrolv1.PolicyRulesWithSubjects{rule}
}

// catchAllLevel is what the level of that name must be.
func catchAllLevel() flowcontrolv1.PriorityLevelConfigurationSpec {
	return flowcontrolv1.PriorityLevelConfigurationSpec{
		Type: flowcontrolv1.PriorityLevelEnablementLimited,
		Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
			NominalConcurrencyShares: ptr.To[int32](5),
			LendablePercent:          ptr.To[int32](0),
			LimitResponse:            flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject},
		},
	}
}
