package standalone

import (
	"errors"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/controllers"
)

// tuning is what the flags say, with the files that they name.
func (m *ControllerManager) tuning() (*controllers.Tuning, error) {
	tuning := *m.Tuning
	var err error
	if tuning.Recycling.HostPathPod, err = recyclerOf("--pv-recycler-pod-template-filepath-hostpath", m.RecyclerHostPath); err != nil {
		return nil, err
	}
	tuning.Recycling.NFSPod, err = recyclerOf("--pv-recycler-pod-template-filepath-nfs", m.RecyclerNFS)
	return &tuning, err
}

// recyclerOf reads a pod that empties volumes; nil where there is no file.
func recyclerOf(flag, file string) (*corev1.Pod, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", flag, err)
	}
	pod := &corev1.Pod{}
	if err := yaml.Unmarshal(data, pod); err != nil {
		return nil, fmt.Errorf("reading %s=%s: %w", flag, file, err)
	}
	if len(pod.Spec.Volumes) == 0 {
		return nil, fmt.Errorf("%s=%s: %w", flag, file, errors.New("the pod does not contain any volume"))
	}
	return pod, nil
}

// validateTuning returns what no controller can work with.
func (m *ControllerManager) validateTuning() error {
	var wrong []error
	t := m.Tuning
	for name, n := range t.Workers {
		if n < 0 {
			wrong = append(wrong, fmt.Errorf("%d workers of %s: want at least one", n, name))
		}
	}
	if t.EndpointsPerSlice < 1 || t.EndpointsPerSlice > 1000 {
		wrong = append(wrong, fmt.Errorf("--max-endpoints-per-slice=%d: want a number from 1 to 1000", t.EndpointsPerSlice))
	}
	if t.MirroredPerSubset < 1 || t.MirroredPerSubset > 1000 {
		wrong = append(wrong, fmt.Errorf("--mirroring-max-endpoints-per-subset=%d: want a number from 1 to 1000", t.MirroredPerSubset))
	}
	if t.Autoscaling.Period <= 0 || t.Recycling.Retry <= 0 {
		wrong = append(wrong, errors.New("--horizontal-pod-autoscaler-sync-period and --pvclaimbinder-sync-period must be positive"))
	}
	return errors.Join(wrong...)
}
