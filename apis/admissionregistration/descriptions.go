package admissionregistration

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"mutatingwebhookconfigurations": {
			"Webhooks": "Webhooks indicates the number of webhooks registered in this configuration",
		},
		"validatingadmissionpolicies": {
			"Validations": "Validations indicates the number of validation rules defined in this configuration",
			"ParamKind":   "ParamKind specifies the kind of resources used to parameterize this policy",
		},
		"validatingadmissionpolicybindings": {
			"PolicyName": "PolicyName indicates the policy definition which the policy binding binded to",
			"ParamRef":   "ParamRef indicates the param resource which sets the configuration param",
		},
		"validatingwebhookconfigurations": {
			"Webhooks": "Webhooks indicates the number of webhooks registered in this configuration",
		},
	}
}
