package options

import (
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RequestOptions bound how many requests the API server works on, and for how long, by upstream's names.
type RequestOptions struct {
	// EnablePriorityAndFairness has requests wait for their turn; default true. Without it, they are turned away at the two bounds.
	EnablePriorityAndFairness bool `json:"enable-priority-and-fairness"`
	// MaxRequestsInflight and MaxMutatingRequestsInflight bound the requests under way, long-running ones apart; default 400 and 200.
	// With priority and fairness, their sum is what priority levels divide.
	MaxRequestsInflight         int `json:"max-requests-inflight"`
	MaxMutatingRequestsInflight int `json:"max-mutating-requests-inflight"`
	// RequestTimeout is what a request may take unless it names a shorter one; default a minute.
	RequestTimeout metav1.Duration `json:"request-timeout,omitempty"`
	// MinRequestTimeout in seconds is how long a watch that names no timeout lasts at least; default 1800, at most twice that.
	MinRequestTimeout int `json:"min-request-timeout"`
	// GoawayChance is how often an HTTP/2 client is sent to connect anew, so that it may reach another server: 0 (the default) to 0.02.
	GoawayChance float64 `json:"goaway-chance,omitempty"`
	// ShutdownDelayDuration is how long requests are still served after /readyz says that the server ends; default 0.
	ShutdownDelayDuration metav1.Duration `json:"shutdown-delay-duration,omitempty"`
}

const maxGoawayChance = 0.02

func defaultRequests() RequestOptions {
	return RequestOptions{
		EnablePriorityAndFairness: true, MaxRequestsInflight: 400, MaxMutatingRequestsInflight: 200,
		RequestTimeout: metav1.Duration{Duration: time.Minute}, MinRequestTimeout: 1800,
	}
}

// validate returns everything that is wrong, in upstream's words.
func (o *RequestOptions) validate() error {
	var wrong []error
	if o.MaxRequestsInflight < 0 {
		wrong = append(wrong, errors.New("--max-requests-inflight can not be negative value"))
	}
	if o.MaxMutatingRequestsInflight < 0 {
		wrong = append(wrong, errors.New("--max-mutating-requests-inflight can not be negative value"))
	}
	if o.EnablePriorityAndFairness && o.MaxRequestsInflight+o.MaxMutatingRequestsInflight <= 0 {
		wrong = append(wrong, errors.New("sum of --max-requests-inflight and --max-mutating-requests-inflight must be positive if --enable-priority-and-fairness is true"))
	}
	if o.RequestTimeout.Duration <= 0 {
		wrong = append(wrong, errors.New("--request-timeout can not be negative value"))
	}
	if o.MinRequestTimeout < 0 {
		wrong = append(wrong, errors.New("--min-request-timeout can not be negative value"))
	}
	if o.GoawayChance < 0 || o.GoawayChance > maxGoawayChance {
		wrong = append(wrong, fmt.Errorf("--goaway-chance can not be less than 0 or greater than %.2f", maxGoawayChance))
	}
	if o.ShutdownDelayDuration.Duration < 0 {
		wrong = append(wrong, errors.New("--shutdown-delay-duration can not be negative value"))
	}
	return errors.Join(wrong...)
}

// AuditOptions say what of the requests is recorded, and where, by upstream's names.
type AuditOptions struct {
	// AuditPolicyFile of audit.k8s.io/v1. Without it, nothing is recorded.
	AuditPolicyFile string `json:"audit-policy-file,omitempty"`
	// AuditLogPath of the file of JSON lines; "-" is standard output.
	AuditLogPath string `json:"audit-log-path,omitempty"`
	// AuditLogMaxAge in days, AuditLogMaxBackup in files and AuditLogMaxSize in mebibytes rotate the file.
	AuditLogMaxAge    int  `json:"audit-log-maxage,omitempty"`
	AuditLogMaxBackup int  `json:"audit-log-maxbackup,omitempty"`
	AuditLogMaxSize   int  `json:"audit-log-maxsize,omitempty"`
	AuditLogCompress  bool `json:"audit-log-compress,omitempty"`
	// AuditWebhookConfigFile is a kubeconfig of who is posted the events.
	AuditWebhookConfigFile string `json:"audit-webhook-config-file,omitempty"`
}
