package batch

import (
	batchv1 "k8s.io/api/batch/v1"
)

const (
	containersColumn = "Names of each container in the template."
	imagesColumn     = "Images referenced by each container in the template."
)

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"cronjobs": {
			"Schedule":      batchv1.CronJobSpec{}.SwaggerDoc()["schedule"],
			"Timezone":      batchv1.CronJobSpec{}.SwaggerDoc()["timeZone"],
			"Suspend":       batchv1.CronJobSpec{}.SwaggerDoc()["suspend"],
			"Active":        batchv1.CronJobStatus{}.SwaggerDoc()["active"],
			"Last Schedule": batchv1.CronJobStatus{}.SwaggerDoc()["lastScheduleTime"],
			"Containers":    containersColumn,
			"Images":        imagesColumn,
			"Selector":      batchv1.JobSpec{}.SwaggerDoc()["selector"],
		},
		"jobs": {
			"Status":      "Status of the job.",
			"Completions": batchv1.JobStatus{}.SwaggerDoc()["succeeded"],
			"Duration":    "Time required to complete the job.",
			"Containers":  containersColumn,
			"Images":      imagesColumn,
			"Selector":    batchv1.JobSpec{}.SwaggerDoc()["selector"],
		},
	}
}
