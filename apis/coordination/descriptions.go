package coordination

import (
	coordinationv1 "k8s.io/api/coordination/v1"
)

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"leases": {
			"Holder": coordinationv1.LeaseSpec{}.SwaggerDoc()["holderIdentity"],
		},
	}
}
