package policy

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"poddisruptionbudgets": {
			"Min Available":       "The minimum number of pods that must be available.",
			"Max Unavailable":     "The maximum number of pods that may be unavailable.",
			"Allowed Disruptions": "Calculated number of pods that may be disrupted at this time.",
		},
	}
}
