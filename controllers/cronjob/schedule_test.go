package cronjob

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNext(t *testing.T) {
	from := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) // a Friday
	for text, want := range map[string]string{
		"* * * * *":       "2026-01-02T03:05:00Z",
		"*/15 * * * *":    "2026-01-02T03:15:00Z",
		"0 0 * * *":       "2026-01-03T00:00:00Z",
		"@hourly":         "2026-01-02T04:00:00Z",
		"30 2 1 * *":      "2026-02-01T02:30:00Z",
		"0 9 * * mon-fri": "2026-01-02T09:00:00Z",
		"0 3 * * 7":       "2026-01-04T03:00:00Z",
		"0 0 13 * fri":    "2026-01-09T00:00:00Z",
		"0 0 29 feb *":    "2028-02-29T00:00:00Z",
		"5/20 * * * *":    "2026-01-02T03:05:00Z",
	} {
		s, err := parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := s.next(from).Format(time.RFC3339); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "* * * *", "60 * * * *", "* * 0 * *", "5-2 * * * *", "*/0 * * * *", "x * * * *"} {
		if _, err := parse(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	never, err := parse("0 0 30 2 *")
	if err != nil || !never.next(from).IsZero() {
		t.Errorf("the 30th of February is %v, %v", never.next(from), err)
	}
}

func TestNextAcrossClockChanges(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones on this machine")
	}
	s, err := parse("30 2 * * *")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 28, 12, 0, 0, 0, zone) // on the 29th there is no 02:30
	if got := s.next(at); got.Day() != 30 || got.Hour() != 2 {
		t.Errorf("got %s", got)
	}
}

func TestDue(t *testing.T) {
	hourly, err := parse("0 * * * *")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 30, 0, 0, time.UTC)
	cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(now.Add(-10 * time.Minute))}}
	if last, next, _ := due(cron, hourly, now); !last.IsZero() || next.Hour() != 4 {
		t.Errorf("a new one is due at %v, next %v", last, next)
	}
	cron.CreationTimestamp = metav1.NewTime(now.Add(-24 * 365 * time.Hour))
	if last, _, many := due(cron, hourly, now); last.Hour() != 3 || !many {
		t.Errorf("after a year of sleep it is due at %v, many %v", last, many)
	}
	served := metav1.NewTime(time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC))
	cron.Status.LastScheduleTime = &served
	if last, _, _ := due(cron, hourly, now); !last.IsZero() {
		t.Errorf("a served time is due again: %v", last)
	}
}
