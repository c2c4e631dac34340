package dra

import (
	resourcev1 "k8s.io/api/resource/v1"
)

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"resourceclaims": {
			"State": "A summary of the current state (allocated, pending, reserved, etc.).",
		},
		"resourceslices": {
			"Node":   resourcev1.ResourceSliceSpec{}.SwaggerDoc()["nodeName"],
			"Driver": resourcev1.ResourceSliceSpec{}.SwaggerDoc()["driver"],
			"Pool":   resourcev1.ResourcePool{}.SwaggerDoc()["name"],
		},
	}
}
