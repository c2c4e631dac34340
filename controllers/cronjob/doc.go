// Package cronjob creates Jobs on a schedule.
//
// It reads CronJobs and Jobs, creates and deletes Jobs, and writes CronJob status and
// events. It wakes at the next time of the schedule and not before.
package cronjob
