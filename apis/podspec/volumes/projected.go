package volumes

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// The shortest and the longest life of a token in seconds.
const (
	minTokenSeconds = 10 * 60
	maxTokenSeconds = 1 << 32
)

// projection notes which paths the sources of one volume fill.
type projection struct {
	paths sets.Set[string]
	errs  field.ErrorList
}

func (p *projection) add(name, file string, path *field.Path) {
	if file == "" {
		return
	}
	if p.paths.Has(file) {
		p.errs = append(p.errs, field.Invalid(path, name, "conflicting duplicate paths"))
	}
	p.paths.Insert(file)
}

func (c pod) validateProjected(v *corev1.ProjectedVolumeSource, path *field.Path) field.ErrorList {
	p := &projection{paths: sets.New[string]()}
	p.errs = append(p.errs, check.FileMode(path.Child("defaultMode"), v.DefaultMode)...)
	sources := path.Child("sources")
	for i := range v.Sources {
		source, at := &v.Sources[i], sources.Index(i)
		count := 0
		for _, kind := range c.projectedSources(source, p, path) {
			if !kind.present {
				continue
			}
			count++
			if count > 1 {
				p.errs = append(p.errs, field.Forbidden(at, "may not specify more than 1 volume type per source"))
				continue
			}
			p.errs = append(p.errs, kind.check(at.Child(kind.name))...)
		}
	}
	return p.errs
}

// projectedSources are those that are there.
func (c pod) projectedSources(source *corev1.VolumeProjection, p *projection, path *field.Path) []sourceCheck {
	var all []sourceCheck
	if source.Secret != nil {
		all = append(all, sourceCheck{"secret", true, func(at *field.Path) field.ErrorList {
			p.addItems(source.Secret.Name, source.Secret.Items, path)
			return append(requiredChild(at, "name", source.Secret.Name), validateItems(source.Secret.Items, at.Child("items"))...)
		}})
	}
	if source.ConfigMap != nil {
		all = append(all, sourceCheck{"configMap", true, func(at *field.Path) field.ErrorList {
			p.addItems(source.ConfigMap.Name, source.ConfigMap.Items, path)
			return append(requiredChild(at, "name", source.ConfigMap.Name), validateItems(source.ConfigMap.Items, at.Child("items"))...)
		}})
	}
	if source.DownwardAPI != nil {
		all = append(all, sourceCheck{"downwardAPI", true, func(at *field.Path) field.ErrorList {
			for i := range source.DownwardAPI.Items {
				p.add(source.DownwardAPI.Items[i].Path, source.DownwardAPI.Items[i].Path, path)
			}
			return validateDownward(source.DownwardAPI.Items, at)
		}})
	}
	if source.ServiceAccountToken != nil {
		all = append(all, sourceCheck{"serviceAccountToken", true, func(at *field.Path) field.ErrorList {
			return c.validateToken(source.ServiceAccountToken, path, at)
		}})
	}
	if source.ClusterTrustBundle != nil {
		all = append(all, sourceCheck{"clusterTrustBundle", true, func(at *field.Path) field.ErrorList {
			p.add(source.ClusterTrustBundle.Path, source.ClusterTrustBundle.Path, path)
			return append(requiredChild(at, "path", source.ClusterTrustBundle.Path), check.FileName(at.Child("path"), source.ClusterTrustBundle.Path)...)
		}})
	}
	if source.PodCertificate != nil {
		all = append(all, sourceCheck{"podCertificate", true, func(at *field.Path) field.ErrorList {
			return requiredChild(at, "signerName", source.PodCertificate.SignerName)
		}})
	}
	return all
}

func (p *projection) addItems(name string, items []corev1.KeyToPath, path *field.Path) {
	for i := range items {
		p.add(name, items[i].Path, path)
	}
}

func (c pod) validateToken(token *corev1.ServiceAccountTokenProjection, path, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.spec.ServiceAccountName == "" && c.meta.Namespace != "" {
		errs = append(errs, field.Forbidden(at, "must not be specified when serviceAccountName is not set"))
	}
	if seconds := token.ExpirationSeconds; seconds != nil && (*seconds < minTokenSeconds || *seconds > maxTokenSeconds) {
		switch expiry := at.Child("expirationSeconds"); {
		case *seconds < minTokenSeconds:
			errs = append(errs, field.Invalid(expiry, *seconds, "may not specify a duration less than 10 minutes"))
		case *seconds > maxTokenSeconds:
			errs = append(errs, field.Invalid(expiry, *seconds, "may not specify a duration larger than 2^32 seconds"))
		}
	}
	if token.Path == "" {
		errs = append(errs, field.Required(path.Child("path"), ""))
	} else {
		errs = append(errs, check.FileName(path.Child("path"), token.Path)...)
	}
	return errs
}
