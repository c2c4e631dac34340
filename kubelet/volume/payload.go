package volume

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/kubelet/downward"
	"github.com/coxswain-k8s/coxswain/kubelet/volume/atomicdir"
)

// payload is the content of a volume by relative path.
type payload map[string]atomicdir.File

func (p payload) add(other payload) {
	for name, file := range other {
		p[name] = file
	}
}

func (s setter) configMapVolume(ctx context.Context, name string, source *corev1.ConfigMapVolumeSource) (Mount, error) {
	files, err := s.configMapFiles(ctx, source.Name, selection{source.Items, fileMode(source.DefaultMode), optional(source.Optional)})
	if err != nil {
		return Mount{}, err
	}
	return s.write("configmap", name, files)
}

func (s setter) secretVolume(ctx context.Context, name string, source *corev1.SecretVolumeSource) (Mount, error) {
	files, err := s.secretFiles(ctx, source.SecretName, selection{source.Items, fileMode(source.DefaultMode), optional(source.Optional)})
	if err != nil {
		return Mount{}, err
	}
	return s.write("secret", name, files)
}

func (s setter) downwardVolume(name string, source *corev1.DownwardAPIVolumeSource) (Mount, error) {
	files, err := s.downwardFiles(source.Items, fileMode(source.DefaultMode))
	if err != nil {
		return Mount{}, err
	}
	return s.write("downward-api", name, files)
}

// write shows files in the volume's folder. Folders that hold secrets live in memory, never on disk.
func (s setter) write(plugin, name string, files payload) (Mount, error) {
	dir := s.volumeDir(s.pod.UID, plugin, name)
	if !s.refreshing {
		if err := s.prepare(plugin, dir); err != nil {
			return Mount{}, err
		}
	}
	target := atomicdir.Dir{Path: dir, Now: s.clock().Now}
	if group := fsGroup(s.pod); group != nil {
		target.Prepare = func(payload *os.Root) error { return chownTree(payload, *group, true) }
	}
	_, err := target.Write(files)
	return Mount{HostPath: dir, ReadOnly: true}, err
}

// selection is which keys of an object become which files.
type selection struct {
	items    []corev1.KeyToPath
	mode     fs.FileMode
	optional bool
}

func fileMode(mode *int32) fs.FileMode {
	if mode == nil {
		return 0o644
	}
	return fs.FileMode(*mode) & fs.ModePerm
}

func optional(value *bool) bool { return value != nil && *value }

func (sel selection) files(data map[string][]byte, kind string) (payload, error) {
	files := payload{}
	if len(sel.items) == 0 {
		for key, value := range data {
			files[key] = atomicdir.File{Data: value, Mode: sel.mode}
		}
		return files, nil
	}
	for _, item := range sel.items {
		value, ok := data[item.Key]
		if !ok {
			if sel.optional {
				continue
			}
			return nil, fmt.Errorf("%s references non-existent %s key: %s", kind, keyKind(kind), item.Key)
		}
		mode := sel.mode
		if item.Mode != nil {
			mode = fileMode(item.Mode)
		}
		files[item.Path] = atomicdir.File{Data: value, Mode: mode}
	}
	return files, nil
}

// keyKind is how messages about a missing key name it: "config key" and "secret key".
func keyKind(kind string) string {
	if kind == "configmap" {
		return "config"
	}
	return kind
}

func (s setter) configMapFiles(ctx context.Context, name string, sel selection) (payload, error) {
	configMap, err := s.Objects.ConfigMap(ctx, s.pod.Namespace, name)
	if apierrors.IsNotFound(err) {
		if sel.optional {
			return payload{}, nil
		}
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmap"}, name)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't get configMap %s/%s: %w", s.pod.Namespace, name, err)
	}
	if optional(configMap.Immutable) {
		s.state.unwatch(Ref{kindConfigMap, s.pod.Namespace, name})
	}
	data := make(map[string][]byte, len(configMap.Data)+len(configMap.BinaryData))
	for key, value := range configMap.Data {
		data[key] = []byte(value)
	}
	for key, value := range configMap.BinaryData {
		data[key] = value
	}
	return sel.files(data, "configmap")
}

func (s setter) secretFiles(ctx context.Context, name string, sel selection) (payload, error) {
	secret, err := s.Objects.Secret(ctx, s.pod.Namespace, name)
	if apierrors.IsNotFound(err) {
		if sel.optional {
			return payload{}, nil
		}
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secret"}, name)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't get secret %s/%s: %w", s.pod.Namespace, name, err)
	}
	if optional(secret.Immutable) {
		s.state.unwatch(Ref{kindSecret, s.pod.Namespace, name})
	}
	return sel.files(secret.Data, "secret")
}

func (s setter) downwardFiles(items []corev1.DownwardAPIVolumeFile, defaultMode fs.FileMode) (payload, error) {
	files := payload{}
	var errs []error
	for _, item := range items {
		value, err := s.downwardValue(item)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		mode := defaultMode
		if item.Mode != nil {
			mode = fileMode(item.Mode)
		}
		files[item.Path] = atomicdir.File{Data: []byte(value), Mode: mode}
	}
	if len(errs) > 0 {
		return nil, aggregate(errs)
	}
	return files, nil
}

func (s setter) downwardValue(item corev1.DownwardAPIVolumeFile) (string, error) {
	switch {
	case item.FieldRef != nil:
		return downward.Metadata(s.pod, item.FieldRef.FieldPath)
	case item.ResourceFieldRef != nil:
		var allocatable corev1.ResourceList
		if s.Allocatable != nil {
			allocatable = s.Allocatable()
		}
		return downward.Resource(s.pod, nil, item.ResourceFieldRef, allocatable)
	default:
		return "", fmt.Errorf("downward API file %s has neither fieldRef nor resourceFieldRef", item.Path)
	}
}
