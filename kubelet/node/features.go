package node

// features are those that the node's status declares, in their order: what pods and clients may rely on here while there may be nodes of earlier
// versions or with other settings. k8s.io/component-helpers/nodedeclaredfeatures says what each of them stands for.
//
// Not among them, although kubelets of v1.36 have them: InPlacePodLevelResourcesVerticalScaling and RestartAllContainersOnContainerExits.
func features() []string {
	return []string{"ExtendWebSocketsToKubelet", "InPlacePodVerticalScalingInitContainers"}
}
