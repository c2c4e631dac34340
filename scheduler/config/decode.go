package config

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
)

// decode reads a document in YAML or JSON, arguments of plugins that are known here included. Those of other plugins stay as they are
// written. A field that is not known, or that is there twice, is an error.
func decode(data []byte) (*schedulerv1.KubeSchedulerConfiguration, error) {
	scheme := runtime.NewScheme()
	if err := schedulerv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder(schedulerv1.SchemeGroupVersion)
	object, _, err := decoder.Decode(data, nil, nil)
	if err != nil {
		return nil, err
	}
	from, ok := object.(*schedulerv1.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("couldn't decode as KubeSchedulerConfiguration, got %s", object.GetObjectKind().GroupVersionKind())
	}
	return from, nil
}
