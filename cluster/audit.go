package cluster

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
)

// newAudit opens what the options ask for. The log is nil when they ask for nothing. Its parts end when ctx does.
func (c *controlPlane) newAudit(ctx context.Context) (*audit.Log, error) {
	o := c.options.AuditOptions
	if o.AuditPolicyFile == "" {
		if o.AuditLogPath != "" || o.AuditWebhookConfigFile != "" {
			return nil, errors.New("recording requests needs --audit-policy-file, which says which and how much")
		}
		return nil, nil
	}
	policy, err := audit.LoadPolicy(o.AuditPolicyFile)
	if err != nil {
		return nil, err
	}
	recording := &audit.Log{Policy: policy, Clock: clock.RealClock{}}
	if c.options.AuditSink != nil {
		recording.Sinks = append(recording.Sinks, c.options.AuditSink)
	}
	logger := log.FromContext(ctx).WithName("audit")
	if o.AuditLogPath != "" {
		file := &audit.File{Path: o.AuditLogPath, MaxAge: o.AuditLogMaxAge, MaxBackups: o.AuditLogMaxBackup, MaxSize: o.AuditLogMaxSize, Compress: o.AuditLogCompress, Logger: logger}
		if err := file.Open(); err != nil {
			return nil, fmt.Errorf("opening the audit log: %w", err)
		}
		c.closers = append(c.closers, file)
		recording.Sinks = append(recording.Sinks, file)
	}
	if o.AuditWebhookConfigFile != "" {
		webhook, err := audit.NewWebhook(o.AuditWebhookConfigFile, clock.RealClock{}, logger)
		if err != nil {
			return nil, err
		}
		c.run("audit webhook", func() error { webhook.Run(ctx); return nil })
		recording.Sinks = append(recording.Sinks, webhook)
	}
	return recording, nil
}
