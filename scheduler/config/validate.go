package config

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"
)

// validate says what is wrong in the words of kube-scheduler.
func validate(c *schedulerv1.KubeSchedulerConfiguration) field.ErrorList {
	var errs field.ErrorList
	if burst := c.ClientConnection.Burst; burst < 0 {
		errs = append(errs, field.Invalid(field.NewPath("clientConnection", "burst"), burst, "must be non-negative"))
	}
	if lock := c.LeaderElection.ResourceLock; ptr.Deref(c.LeaderElection.LeaderElect, true) && lock != "" && lock != "leases" {
		errs = append(errs, field.Invalid(field.NewPath("leaderElection", "resourceLock"), lock, `resourceLock value must be "leases"`))
	}
	if p := c.Parallelism; p != nil && *p <= 0 {
		errs = append(errs, field.Invalid(field.NewPath("parallelism"), *p, "should be an integer value greater than zero"))
	}
	seen := sets.New[string]()
	for i := range c.Profiles {
		errs = append(errs, validateProfile(&c.Profiles[i], field.NewPath("profiles").Index(i), seen)...)
	}
	errs = append(errs, percentage(c.PercentageOfNodesToScore, field.NewPath("percentageOfNodesToScore"))...)
	initial, most := ptr.Deref(c.PodInitialBackoffSeconds, 1), ptr.Deref(c.PodMaxBackoffSeconds, 10)
	if initial <= 0 {
		errs = append(errs, field.Invalid(field.NewPath("podInitialBackoffSeconds"), initial, "must be greater than 0"))
	}
	if most < initial {
		errs = append(errs, field.Invalid(field.NewPath("podMaxBackoffSeconds"), most, "must be greater than or equal to PodInitialBackoffSeconds"))
	}
	return append(errs, validateExtenders(c.Extenders, field.NewPath("extenders"))...)
}

func validateProfile(p *schedulerv1.KubeSchedulerProfile, path *field.Path, seen sets.Set[string]) field.ErrorList {
	var errs field.ErrorList
	name := ptr.Deref(p.SchedulerName, "")
	if name == "" {
		errs = append(errs, field.Required(path.Child("schedulerName"), ""))
	}
	errs = append(errs, percentage(p.PercentageOfNodesToScore, path.Child("percentageOfNodesToScore"))...)
	configured := sets.New[string]()
	for i, config := range p.PluginConfig {
		path := path.Child("pluginConfig").Index(i)
		if configured.Has(config.Name) {
			errs = append(errs, field.Duplicate(path, config.Name))
			continue
		}
		configured.Insert(config.Name)
		errs = append(errs, validateArguments(config.Args.Object, path.Child("args"))...)
	}
	if name != "" && seen.Has(name) {
		errs = append(errs, field.Duplicate(path.Child("schedulerName"), name))
	}
	seen.Insert(name)
	return errs
}

func validateExtenders(extenders []schedulerv1.Extender, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	binders := 0
	managed := sets.New[string]()
	for i := range extenders {
		e, path := &extenders[i], path.Index(i)
		if e.PrioritizeVerb != "" && e.Weight <= 0 {
			errs = append(errs, field.Invalid(path.Child("weight"), e.Weight, "must have a positive weight applied to it"))
		}
		if e.BindVerb != "" {
			binders++
		}
		for j, r := range e.ManagedResources {
			path := path.Child("managedResources").Index(j).Child("name")
			errs = append(errs, extendedResource(r.Name, path)...)
			if managed.Has(r.Name) {
				errs = append(errs, field.Invalid(path, r.Name, "duplicate extender managed resource name"))
			}
			managed.Insert(r.Name)
		}
	}
	if binders > 1 {
		errs = append(errs, field.Invalid(path, fmt.Sprintf("found %d extenders implementing bind", binders), "only one extender can implement bind"))
	}
	return errs
}

// extendedResource: a name of a domain other than Kubernetes' own.
func extendedResource(name string, path *field.Path) field.ErrorList {
	errs := qualified(name, path)
	if len(errs) > 0 {
		return errs
	}
	domain, _, has := strings.Cut(name, "/")
	if !has || domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io") || strings.HasPrefix(name, "requests.") ||
		len(validation.IsQualifiedName("requests."+name)) > 0 {
		return field.ErrorList{field.Invalid(path, name, "is an invalid extended resource name")}
	}
	return nil
}

func qualified(name string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, message := range validation.IsQualifiedName(name) {
		errs = append(errs, field.Invalid(path, name, message))
	}
	return errs
}

func percentage(p *int32, path *field.Path) field.ErrorList {
	if p != nil && (*p < 0 || *p > 100) {
		return field.ErrorList{field.Invalid(path, *p, "not in valid range [0-100]")}
	}
	return nil
}
