package batch

import (
	"strings"
	"time"
	_ "time/tzdata" // time zones, also where the machine has none

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// The longest name of a cron job: eleven characters are added to it to name its jobs.
const maxCronJobName = validation.DNS1035LabelMaxLength - 11

func validateCronJob(c *batchv1.CronJob) field.ErrorList {
	errs := validateCronJobSpec(c, nil)
	if len(c.Name) > maxCronJobName {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), c.Name, "must be no more than 52 characters"))
	}
	return errs
}

func validateCronJobUpdate(c, old *batchv1.CronJob) field.ErrorList {
	return validateCronJobSpec(c, old)
}

func validateCronJobSpec(c, old *batchv1.CronJob) field.ErrorList {
	path, spec := field.NewPath("spec"), &c.Spec
	errs := validateSchedule(c, old, path.Child("schedule"))
	errs = append(errs, optional(path.Child("startingDeadlineSeconds"), spec.StartingDeadlineSeconds)...)
	if old == nil || !sameZone(spec.TimeZone, old.Spec.TimeZone) {
		errs = append(errs, validateTimeZone(spec.TimeZone, path.Child("timeZone"))...)
	}
	errs = append(errs, check.RequiredOneOf(path.Child("concurrencyPolicy"), spec.ConcurrencyPolicy, batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent)...)
	template := path.Child("jobTemplate", "spec")
	var before *batchv1.JobSpec
	if old != nil {
		before = &old.Spec.JobTemplate.Spec
	}
	errs = append(errs, validateJobSpec(&spec.JobTemplate.Spec, before, template)...)
	errs = append(errs, validateManualSelector(&spec.JobTemplate.Spec, template.Child("manualSelector"))...)
	errs = append(errs, optional(path.Child("successfulJobsHistoryLimit"), spec.SuccessfulJobsHistoryLimit)...)
	return append(errs, optional(path.Child("failedJobsHistoryLimit"), spec.FailedJobsHistoryLimit)...)
}

func sameZone(a, b *string) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func validateSchedule(c, old *batchv1.CronJob, path *field.Path) field.ErrorList {
	schedule := c.Spec.Schedule
	if schedule == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if _, err := cron.ParseStandard(schedule); err != nil {
		errs = append(errs, field.Invalid(path, schedule, err.Error()))
	}
	unchanged := old != nil && old.Spec.Schedule == schedule
	if strings.Contains(schedule, "TZ") && !unchanged {
		errs = append(errs, field.Invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"))
	}
	return errs
}

func validateTimeZone(zone *string, path *field.Path) field.ErrorList {
	if zone == nil {
		return nil
	}
	if *zone == "" {
		return field.ErrorList{field.Invalid(path, *zone, "timeZone must be nil or non-empty string")}
	}
	var errs field.ErrorList
	if strings.EqualFold(*zone, "Local") {
		errs = append(errs, field.Invalid(path, *zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"))
	}
	if _, err := time.LoadLocation(*zone); err != nil {
		errs = append(errs, field.Invalid(path, *zone, err.Error()))
	}
	return errs
}
