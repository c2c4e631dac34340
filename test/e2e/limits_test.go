package e2e

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestLimits reads limits in control groups, from inside and outside, and goes over them.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.manifest("limits")
	s.up("guaranteed", "burstable", "best-effort")
	for pod, class := range map[string]string{"guaranteed": "Guaranteed", "burstable": "Burstable", "best-effort": "BestEffort"} {
		s.same("the class of "+pod, s.get("pod/"+pod, ".status.qosClass"), class)
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		const read = "cd /sys/fs/cgroup; cat memory.max cpu.weight; cut -d' ' -f1 cpu.max"
		s.same("the limits of guaranteed", words(s.sh("guaranteed", read)), "50331648 8 20000")
		s.same("the limits of burstable", words(s.sh("burstable", read)), "67108864 2 max")
	} else {
		const read = "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_quota_us"
		s.same("the limits of guaranteed", words(s.sh("guaranteed", read)), "50331648 204 20000")
		s.same("the limits of burstable", words(s.sh("burstable", read)), "67108864 51 -1")
		s.same("the shares of best-effort", words(s.sh("best-effort", "cat /sys/fs/cgroup/cpu/cpu.shares")), "2")
		group := "/sys/fs/cgroup/memory" + s.cluster.Machine.Cgroup() + "/kubepods/burstable/pod" + s.get("pod/burstable", ".metadata.uid")
		limit, err := os.ReadFile(group + "/memory.limit_in_bytes")
		if err != nil || strings.TrimSpace(string(limit)) != "67108864" {
			t.Errorf("the pod's own group has the limit %q, %v", limit, err)
		}
	}
	const state = ".status.containerStatuses[0]"
	s.becomes("pod/restarted-by-oom", state+".restartCount", "1")
	s.same("the reason", s.get("pod/restarted-by-oom", state+".lastState.terminated.reason"), "OOMKilled")
	s.up("restarted-by-oom")
	s.same("the end of a pod that writes too much", s.over("overflowing"), "Failed Evicted 137")
	s.same("its message", s.get("pod/overflowing", ".status.message"), `Usage of EmptyDir volume "d" exceeds the limit "1Mi".`)
	s.event("overflowing", "Warning", "Evicted", `Usage of EmptyDir volume "d" exceeds the limit "1Mi".`)
	s.kubectl("delete", "pod", "guaranteed")
	s.eventually("no container of a deleted pod", func() error {
		if out, err := s.try("get", "pod", "guaranteed", "-o", "name", "--ignore-not-found"); err != nil || out != "" {
			return errors.New("it is still there")
		}
		return nil
	})
}

func words(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestJobs runs jobs that complete and jobs that do not.
func TestJobs(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.manifest("jobs")
	wait := func(job, condition string) {
		s.kubectl("wait", "job/"+job, "--for=condition="+condition, "--timeout", patience.String())
	}
	wait("three", "Complete")
	s.same("its pods", s.get("job/three", ".status['succeeded','completedIndexes']"), "3 0-2")
	logs := s.kubectl("logs", "-l", "job-name=three")
	s.lines("the logs of a job", logs, "index 0", "index 1", "index 2")
	wait("once", "Failed")
	s.same("why once failed", s.get("job/once", `.status.conditions[?(@.type=="Failed")].reason`), "BackoffLimitExceeded")
	s.same("its pods", s.get("job/once", ".status.failed"), "1")
	wait("late", "Failed")
	s.same("why late failed", s.get("job/late", `.status.conditions[?(@.type=="Failed")].reason`), "DeadlineExceeded")
	wait("hopeless", "Failed")
	s.same("why hopeless failed", s.get("job/hopeless", `.status.conditions[?(@.type=="Failed")].reason`), "BackoffLimitExceeded")
	s.event("three", "Normal", "Completed", "Job completed")
	s.eventually("a job with no time to live to go, with its pods", func() error {
		out, err := s.try("get", "jobs,pods", "-o", "name")
		if err == nil && strings.Contains(out, "/gone") {
			err = errors.New(out)
		}
		return err
	})
}
