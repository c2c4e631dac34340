package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

const (
	containersColumn = "Names of each container in the template."
	imagesColumn     = "Images referenced by each container in the template."
)

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"controllerrevisions": {
			"Controller": "Controller of the object",
			"Revision":   appsv1.ControllerRevision{}.SwaggerDoc()["revision"],
		},
		"daemonsets": {
			"Desired":       appsv1.DaemonSetStatus{}.SwaggerDoc()["desiredNumberScheduled"],
			"Current":       appsv1.DaemonSetStatus{}.SwaggerDoc()["currentNumberScheduled"],
			"Ready":         appsv1.DaemonSetStatus{}.SwaggerDoc()["numberReady"],
			"Up-to-date":    appsv1.DaemonSetStatus{}.SwaggerDoc()["updatedNumberScheduled"],
			"Available":     appsv1.DaemonSetStatus{}.SwaggerDoc()["numberAvailable"],
			"Node Selector": corev1.PodSpec{}.SwaggerDoc()["nodeSelector"],
			"Containers":    containersColumn,
			"Images":        imagesColumn,
			"Selector":      appsv1.DaemonSetSpec{}.SwaggerDoc()["selector"],
		},
		"deployments": {
			"Ready":      "Number of the pod with ready state",
			"Up-to-date": appsv1.DeploymentStatus{}.SwaggerDoc()["updatedReplicas"],
			"Available":  appsv1.DeploymentStatus{}.SwaggerDoc()["availableReplicas"],
			"Containers": containersColumn,
			"Images":     imagesColumn,
			"Selector":   appsv1.DeploymentSpec{}.SwaggerDoc()["selector"],
		},
		"replicasets": {
			"Desired":    appsv1.ReplicaSetSpec{}.SwaggerDoc()["replicas"],
			"Current":    appsv1.ReplicaSetStatus{}.SwaggerDoc()["replicas"],
			"Ready":      appsv1.ReplicaSetStatus{}.SwaggerDoc()["readyReplicas"],
			"Containers": containersColumn,
			"Images":     imagesColumn,
			"Selector":   appsv1.ReplicaSetSpec{}.SwaggerDoc()["selector"],
		},
		"statefulsets": {
			"Ready":      "Number of the pod with ready state",
			"Containers": containersColumn,
			"Images":     imagesColumn,
		},
	}
}
