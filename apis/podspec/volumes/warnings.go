package volumes

import (
	"fmt"
	"path"
	"strings"

	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Warnings are about one volume at a path.
func Warnings(v *corev1.Volume, at *field.Path) []string {
	old := func(name, problem string) []string { return []string{at.Child(name).String() + ": " + problem} }
	switch s := &v.VolumeSource; {
	case s.PhotonPersistentDisk != nil:
		return old("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+")
	case s.GitRepo != nil:
		return old("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+")
	case s.ScaleIO != nil:
		return old("scaleIO", "deprecated in v1.16, non-functional in v1.22+")
	case s.Flocker != nil:
		return old("flocker", "deprecated in v1.22, non-functional in v1.25+")
	case s.StorageOS != nil:
		return old("storageOS", "deprecated in v1.22, non-functional in v1.25+")
	case s.Quobyte != nil:
		return old("quobyte", "deprecated in v1.22, non-functional in v1.25+")
	case s.Glusterfs != nil:
		return old("glusterfs", "deprecated in v1.25, non-functional in v1.26+")
	case s.CephFS != nil:
		return old("cephfs", "deprecated in v1.28, non-functional in v1.31+")
	case s.RBD != nil:
		return old("rbd", "deprecated in v1.28, non-functional in v1.31+")
	case s.Ephemeral != nil && s.Ephemeral.VolumeClaimTemplate != nil:
		return ClaimWarnings(&s.Ephemeral.VolumeClaimTemplate.Spec, at.Child("ephemeral", "volumeClaimTemplate", "spec"))
	}
	return pathWarnings(v)
}

// ClaimWarnings are about the sizes that a claim asks for.
func ClaimWarnings(spec *corev1.PersistentVolumeClaimSpec, path *field.Path) []string {
	return append(resources.FractionWarnings(spec.Resources.Requests, corev1.ResourceStorage, path.Child("resources", "requests")),
		resources.FractionWarnings(spec.Resources.Limits, corev1.ResourceStorage, path.Child("resources", "limits"))...)
}

// file is one that a volume shows, and what it is made from where a volume is made from several things.
type file struct{ path, source string }

// pathWarnings are about files that need a folder where another file is.
func pathWarnings(v *corev1.Volume) []string {
	switch {
	case v.ConfigMap != nil:
		return overlaps(fmt.Sprintf("volume %q (ConfigMap %q)", v.Name, v.ConfigMap.Name), filesOf(v.ConfigMap.Items, ""))
	case v.Secret != nil:
		return overlaps(fmt.Sprintf("volume %q (Secret %q)", v.Name, v.Secret.SecretName), filesOf(v.Secret.Items, ""))
	case v.DownwardAPI != nil:
		return overlaps(fmt.Sprintf("volume %q (DownwardAPI)", v.Name), downwardFiles(v.DownwardAPI.Items, ""))
	case v.Projected != nil:
		return projectedWarnings(v)
	}
	return nil
}

func projectedWarnings(v *corev1.Volume) []string {
	title := fmt.Sprintf("volume %q (Projected)", v.Name)
	var files []file
	var empty []string
	for _, source := range v.Projected.Sources {
		switch {
		case source.ConfigMap != nil:
			files = append(files, filesOf(source.ConfigMap.Items, fmt.Sprintf(" (ConfigMap %q)", source.ConfigMap.Name))...)
		case source.Secret != nil:
			files = append(files, filesOf(source.Secret.Items, fmt.Sprintf(" (Secret %q)", source.Secret.Name))...)
		case source.DownwardAPI != nil:
			files = append(files, downwardFiles(source.DownwardAPI.Items, " (DownwardAPI)")...)
		case source.ServiceAccountToken != nil:
			files = append(files, file{source.ServiceAccountToken.Path, " (ServiceAccountToken)"})
		case source.ClusterTrustBundle != nil:
			files = append(files, file{source.ClusterTrustBundle.Path, " (ClusterTrustBundle)"})
		case source.PodCertificate == nil:
			empty = append(empty, title+" has no sources provided")
		}
	}
	return append(overlaps(title, files), empty...)
}

func filesOf(items []corev1.KeyToPath, source string) []file {
	files := make([]file, 0, len(items))
	for _, item := range items {
		files = append(files, file{item.Path, source})
	}
	return files
}

func downwardFiles(items []corev1.DownwardAPIVolumeFile, source string) []file {
	files := make([]file, 0, len(items))
	for _, item := range items {
		files = append(files, file{item.Path, source})
	}
	return files
}

func overlaps(title string, files []file) []string {
	var warnings []string
	for i, one := range files {
		for _, before := range files[:i] {
			if covers(one.path, before.path) || covers(before.path, one.path) {
				warnings = append(warnings, fmt.Sprintf("%s: overlapping paths: %q%s with %q%s", title, one.path, one.source, before.path, before.source))
			}
		}
	}
	return warnings
}

// covers says whether file is folder or something below it.
func covers(folder, file string) bool {
	folder, file = path.Clean(folder), path.Clean(file)
	return file == folder || strings.HasPrefix(file, folder+"/")
}
