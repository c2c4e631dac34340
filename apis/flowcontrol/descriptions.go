package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
)

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"flowschemas": {
			"PriorityLevel":       flowcontrolv1.PriorityLevelConfigurationReference{}.SwaggerDoc()["name"],
			"MatchingPrecedence":  flowcontrolv1.FlowSchemaSpec{}.SwaggerDoc()["matchingPrecedence"],
			"DistinguisherMethod": flowcontrolv1.FlowSchemaSpec{}.SwaggerDoc()["distinguisherMethod"],
			"MissingPL":           "references a broken or non-existent PriorityLevelConfiguration",
		},
		"prioritylevelconfigurations": {
			"Type":                     flowcontrolv1.PriorityLevelConfigurationSpec{}.SwaggerDoc()["type"],
			"NominalConcurrencyShares": flowcontrolv1.LimitedPriorityLevelConfiguration{}.SwaggerDoc()["nominalConcurrencyShares"],
			"Queues":                   flowcontrolv1.QueuingConfiguration{}.SwaggerDoc()["queues"],
			"HandSize":                 flowcontrolv1.QueuingConfiguration{}.SwaggerDoc()["handSize"],
			"QueueLengthLimit":         flowcontrolv1.QueuingConfiguration{}.SwaggerDoc()["queueLengthLimit"],
		},
	}
}
