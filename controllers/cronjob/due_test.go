package cronjob

import (
	"strings"
	"testing"
	"time"

	schedule "github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

func parse(t *testing.T, text string) schedule.Schedule {
	t.Helper()
	s, err := schedule.ParseStandard(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// created is a cron job that was created some time ago and has run nothing since.
func created(now time.Time, ago time.Duration) *batchv1.CronJob {
	return &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "cron", CreationTimestamp: metav1.NewTime(now.Add(-ago))}}
}

// What the API server accepts is what runs, and when: `@every` was said to be no schedule, and a step in one field of days bound the other.
func TestNextTime(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) // a Friday
	for text, want := range map[string]string{
		"* * * * *":                    "2026-01-02T03:05:00Z",
		"*/15 * * * *":                 "2026-01-02T03:15:00Z",
		"0 0 * * *":                    "2026-01-03T00:00:00Z",
		"@hourly":                      "2026-01-02T04:00:00Z",
		"30 2 1 * *":                   "2026-02-01T02:30:00Z",
		"0 9 * * mon-fri":              "2026-01-02T09:00:00Z",
		"0 0 13 * fri":                 "2026-01-09T00:00:00Z",
		"0 0 29 feb *":                 "2028-02-29T00:00:00Z",
		"5/20 * * * *":                 "2026-01-02T03:05:00Z",
		"@every 90m":                   "2026-01-02T04:34:05Z",
		"0 0 */2 * 1":                  "2026-01-03T00:00:00Z",
		"0 0 * * 1":                    "2026-01-05T00:00:00Z",
		"CRON_TZ=Asia/Tokyo 0 9 * * *": "2026-01-03T00:00:00Z",
	} {
		last, next, many, err := due(created(now, 0), parse(t, text), now)
		if got := next.UTC().Format(time.RFC3339); got != want || !last.IsZero() || many || err != nil {
			t.Errorf("%s: next at %s, want %s; last %s, many %t, %v", text, got, want, last, many, err)
		}
	}
}

// A time that the clocks leave out is not served that day; one that they repeat is served twice.
func TestNextAcrossClockChanges(t *testing.T) {
	for why, test := range map[string]struct{ zone, schedule, from, want string }{
		"left out":              {"Europe/Berlin", "30 2 * * *", "2026-03-28T12:00:00+01:00", "2026-03-30T02:30:00+02:00"},
		"repeated":              {"Europe/Berlin", "30 2 * * *", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"},
		"by half an hour":       {"Australia/Lord_Howe", "45 1 * * *", "2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30"},
		"a day without a start": {"America/Asuncion", "0 0 * * *", "2023-09-30T12:00:00-04:00", "2023-10-02T00:00:00-03:00"},
		"a day left out":        {"Pacific/Apia", "0 12 * * *", "2011-12-29T12:00:00-10:00", "2011-12-31T12:00:00+14:00"},
	} {
		t.Run(why, func(t *testing.T) {
			zone, err := time.LoadLocation(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			now, err := time.ParseInLocation(time.RFC3339, test.from, zone)
			if err != nil {
				t.Fatal(err)
			}
			now = now.In(zone)
			if _, next, _, err := due(created(now, 0), parse(t, test.schedule), now); next.Format(time.RFC3339) != test.want || err != nil {
				t.Errorf("next is %s, want %s, %v", next.Format(time.RFC3339), test.want, err)
			}
		})
	}
}

func TestDue(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 30, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		schedule   string
		ago        time.Duration
		deadline   int64
		last, next string
		many       bool
	}{
		"a new one":                        {"0 * * * *", 10 * time.Minute, 0, "", "04:00:00", false},
		"one is due":                       {"0 * * * *", time.Hour, 0, "03:00:00", "04:00:00", false},
		"after a year of sleep":            {"0 * * * *", 365 * 24 * time.Hour, 0, "03:00:00", "04:00:00", true},
		"after a year, few may be started": {"0 * * * *", 365 * 24 * time.Hour, 7200, "03:00:00", "04:00:00", false},
		"too old":                          {"0 * * * *", time.Hour, 600, "", "04:00:00", false},
		"in periods":                       {"@every 1h", 150 * time.Minute, 0, "03:00:00", "04:00:00", false},
		"in periods, with a deadline":      {"@every 1h", 125 * time.Minute, 600, "03:25:00", "04:25:00", false},
		"in periods, too old":              {"@every 1h", 150 * time.Minute, 600, "", "04:00:00", false},
		"in periods, after a year":         {"@every 1h", 365*24*time.Hour + 10*time.Minute, 0, "03:20:00", "04:20:00", true},
		"a hundred":                        {"* * * * *", 100 * time.Minute, 0, "03:30:00", "03:31:00", false},
		"a hundred and one":                {"* * * * *", 101 * time.Minute, 0, "03:30:00", "03:31:00", true},
		"a hundred that may be started":    {"* * * * *", 24 * time.Hour, 5999, "03:30:00", "03:31:00", false},
		"more that may be started":         {"* * * * *", 24 * time.Hour, 6001, "03:30:00", "03:31:00", true},
		"long ago":                         {"* * * 6 *", 300 * 24 * time.Hour, 0, "23:59:00", "00:00:00", true},
		"seldom, after years":              {"0 0 1 1 *", 3 * 365 * 24 * time.Hour, 0, "00:00:00", "00:00:00", false},
	} {
		t.Run(name, func(t *testing.T) {
			cron := created(now, test.ago)
			if test.deadline > 0 {
				cron.Spec.StartingDeadlineSeconds = ptr.To(test.deadline)
			}
			last, next, many, err := due(cron, parse(t, test.schedule), now)
			show := func(at time.Time) string {
				if at.IsZero() {
					return ""
				}
				return at.Format(time.TimeOnly)
			}
			if err != nil || show(last) != test.last || show(next) != test.next || many != test.many {
				t.Errorf("last %s, next %s, many %t, %v", last, next, many, err)
			}
		})
	}
}

func TestServedTimesAreNotDueAgain(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 30, 0, 0, time.UTC)
	cron := created(now, 24*time.Hour)
	cron.Status.LastScheduleTime = ptr.To(metav1.NewTime(now.Add(-30 * time.Minute)))
	for _, text := range []string{"0 * * * *", "@every 1h"} {
		if last, next, _, err := due(cron, parse(t, text), now); !last.IsZero() || next.Hour() != 4 || err != nil {
			t.Errorf("%s: %v is due again, next %v, %v", text, last, next, err)
		}
	}
}

// A schedule that never comes is said, as are others that nothing can be done about.
func TestSchedulesThatNeverComeAreSaid(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 30, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"59 23 31 2 *": "Warning InvalidSchedule invalid schedule: 59 23 31 2 * : time difference between two schedules is less than 1 second",
		"0 0 * * 7":    `Warning UnparseableSchedule unparseable schedule: "0 0 * * 7" : end of range (7) above maximum (6): 7`,
	} {
		cron := created(now, time.Hour)
		cron.Spec.Schedule = text
		events := record.NewFakeRecorder(10)
		api := fake.NewClientBuilder().WithIndex(&batchv1.Job{}, kit.OwnerIndex, func(client.Object) []string { return nil }).WithObjects(cron).WithStatusSubresource(cron).Build()
		c := &Controller{Client: api, Recorder: events, Clock: clocktesting.NewFakePassiveClock(now)}
		if result, err := c.Reconcile(t.Context(), cron); err != nil || result.RequeueAfter != 0 {
			t.Errorf("%s: %v, %v", text, result, err)
		}
		close(events.Events)
		var said []string
		for event := range events.Events {
			said = append(said, event)
		}
		if got := strings.Join(said, "\n"); got != want {
			t.Errorf("%s: said %q, want %q", text, got, want)
		}
	}
}
