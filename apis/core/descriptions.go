package core

import (
	corev1 "k8s.io/api/core/v1"
)

const (
	containersColumn = "Names of each container in the template."
	imagesColumn     = "Images referenced by each container in the template."
)

// descriptions are those of columns, of what runs and how it is reached.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"endpoints": {
			"Endpoints": corev1.Endpoints{}.SwaggerDoc()["subsets"],
		},
		"events": {
			"Last Seen":  corev1.Event{}.SwaggerDoc()["lastTimestamp"],
			"Type":       corev1.Event{}.SwaggerDoc()["type"],
			"Reason":     corev1.Event{}.SwaggerDoc()["reason"],
			"Object":     corev1.Event{}.SwaggerDoc()["involvedObject"],
			"Subobject":  corev1.ObjectReference{}.SwaggerDoc()["fieldPath"],
			"Source":     corev1.Event{}.SwaggerDoc()["source"],
			"Message":    corev1.Event{}.SwaggerDoc()["message"],
			"First Seen": corev1.Event{}.SwaggerDoc()["firstTimestamp"],
			"Count":      corev1.Event{}.SwaggerDoc()["count"],
		},
		"pods": {
			"Ready":           "The aggregate readiness state of this pod for accepting traffic.",
			"Status":          "The aggregate status of the containers in this pod.",
			"Restarts":        "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
			"IP":              corev1.PodStatus{}.SwaggerDoc()["podIP"],
			"Node":            corev1.PodSpec{}.SwaggerDoc()["nodeName"],
			"Nominated Node":  corev1.PodStatus{}.SwaggerDoc()["nominatedNodeName"],
			"Readiness Gates": corev1.PodSpec{}.SwaggerDoc()["readinessGates"],
		},
		"podtemplates": {
			"Containers": containersColumn,
			"Images":     imagesColumn,
			"Pod Labels": "The labels for the pod template.",
		},
		"replicationcontrollers": {
			"Desired":    corev1.ReplicationControllerSpec{}.SwaggerDoc()["replicas"],
			"Current":    corev1.ReplicationControllerStatus{}.SwaggerDoc()["replicas"],
			"Ready":      corev1.ReplicationControllerStatus{}.SwaggerDoc()["readyReplicas"],
			"Containers": containersColumn,
			"Images":     imagesColumn,
			"Selector":   corev1.ReplicationControllerSpec{}.SwaggerDoc()["selector"],
		},
		"services": {
			"Type":        corev1.ServiceSpec{}.SwaggerDoc()["type"],
			"Cluster-IP":  corev1.ServiceSpec{}.SwaggerDoc()["clusterIP"],
			"External-IP": corev1.ServiceSpec{}.SwaggerDoc()["externalIPs"],
			"Port(s)":     corev1.ServiceSpec{}.SwaggerDoc()["ports"],
			"Selector":    corev1.ServiceSpec{}.SwaggerDoc()["selector"],
		},
	}
}

// moreDescriptions are those of columns, of what all else needs.
func moreDescriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"componentstatuses": {
			"Status":  "Status of the component conditions",
			"Message": "Message of the component conditions",
			"Error":   "Error of the component conditions",
		},
		"configmaps": {
			"Data": corev1.ConfigMap{}.SwaggerDoc()["data"],
		},
		"namespaces": {
			"Status": "The status of the namespace",
		},
		"nodes": {
			"Status":            "The status of the node",
			"Roles":             "The roles of the node",
			"Version":           corev1.NodeSystemInfo{}.SwaggerDoc()["kubeletVersion"],
			"Internal-IP":       corev1.NodeStatus{}.SwaggerDoc()["addresses"],
			"External-IP":       corev1.NodeStatus{}.SwaggerDoc()["addresses"],
			"OS-Image":          corev1.NodeSystemInfo{}.SwaggerDoc()["osImage"],
			"Kernel-Version":    corev1.NodeSystemInfo{}.SwaggerDoc()["kernelVersion"],
			"Container-Runtime": corev1.NodeSystemInfo{}.SwaggerDoc()["containerRuntimeVersion"],
		},
		"persistentvolumeclaims": {
			"Status":                corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["phase"],
			"Volume":                corev1.PersistentVolumeClaimSpec{}.SwaggerDoc()["volumeName"],
			"Capacity":              corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["capacity"],
			"Access Modes":          corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["accessModes"],
			"StorageClass":          "StorageClass of the pvc",
			"VolumeAttributesClass": "VolumeAttributesClass of the pvc",
			"VolumeMode":            corev1.PersistentVolumeClaimSpec{}.SwaggerDoc()["volumeMode"],
		},
		"persistentvolumes": {
			"Capacity":              corev1.PersistentVolumeSpec{}.SwaggerDoc()["capacity"],
			"Access Modes":          corev1.PersistentVolumeSpec{}.SwaggerDoc()["accessModes"],
			"Reclaim Policy":        corev1.PersistentVolumeSpec{}.SwaggerDoc()["persistentVolumeReclaimPolicy"],
			"Status":                corev1.PersistentVolumeStatus{}.SwaggerDoc()["phase"],
			"Claim":                 corev1.PersistentVolumeSpec{}.SwaggerDoc()["claimRef"],
			"StorageClass":          "StorageClass of the pv",
			"VolumeAttributesClass": "VolumeAttributesClass of the pv",
			"Reason":                corev1.PersistentVolumeStatus{}.SwaggerDoc()["reason"],
			"VolumeMode":            corev1.PersistentVolumeSpec{}.SwaggerDoc()["volumeMode"],
		},
		"resourcequotas": {
			"Request": "Request represents a minimum amount of cpu/memory that a container may consume.",
			"Limit":   "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
		},
		"secrets": {
			"Type": corev1.Secret{}.SwaggerDoc()["type"],
			"Data": corev1.Secret{}.SwaggerDoc()["data"],
		},
	}
}
