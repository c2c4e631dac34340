package suite

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"sort"
	"strconv"
	"strings"
)

const (
	// slow is how many seconds a test may take that is run for every change.
	slow = 12
	// enough is how many seconds of tests are run for every change, of all processes together.
	enough = 700
)

// groups are those whose tests exercise a folder most.
var groups = []struct {
	folder string
	sigs   []string
}{
	{"kubelet/volume", []string{"sig-storage"}},
	{"kubelet", []string{"sig-node"}},
	{"proxy", []string{"sig-network"}},
	{"network", []string{"sig-network"}},
	{"scheduler", []string{"sig-scheduling"}},
	{"controllers", []string{"sig-apps", "sig-api-machinery"}},
	{"apiserver/auth", []string{"sig-auth"}},
	{"apiserver", []string{"sig-api-machinery", "sig-cli"}},
	{"apis", []string{"sig-api-machinery", "sig-instrumentation"}},
	{"cmd/kubectl", []string{"sig-cli"}},
}

// Changed counts the lines that the last commits changed, by the group of tests that they concern.
func Changed(ctx context.Context, root string) (map[string]int, error) {
	command := exec.CommandContext(ctx, "git", "-C", root, "log", "-n", "20", "--no-renames", "--format=", "--numstat")
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("asking git for what changed: %w", err)
	}
	changed := map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.SplitN(lines.Text(), "\t", 3)
		if len(fields) != 3 {
			continue
		}
		added, _ := strconv.Atoi(fields[0])
		removed, _ := strconv.Atoi(fields[1])
		for _, sig := range concerned(fields[2]) {
			changed[sig] += added + removed
		}
	}
	return changed, nil
}

func concerned(file string) []string {
	for _, group := range groups {
		if strings.HasPrefix(file, group.folder+"/") {
			return group.sigs
		}
	}
	return nil
}

// Fast chooses quick parallel tests of a list until there is enough: in turn one of each group, twice as many
// of the half of the groups that changed most, the quickest first. It is the same choice for the same input.
func (t Table) Fast(passing []string, changed map[string]int) Table {
	queues := map[string]Table{}
	for _, test := range t.Where(func(test Test) bool {
		return !test.Serial && test.Seconds <= slow && slices.Contains(passing, test.Name)
	}) {
		queues[test.SIG] = append(queues[test.SIG], test)
	}
	var sigs []string
	for sig, queue := range queues {
		sigs = append(sigs, sig)
		sort.SliceStable(queue, func(i, j int) bool { return queue[i].Seconds < queue[j].Seconds })
	}
	sort.Slice(sigs, func(i, j int) bool {
		if changed[sigs[i]] != changed[sigs[j]] {
			return changed[sigs[i]] > changed[sigs[j]]
		}
		return sigs[i] < sigs[j]
	})
	var chosen Table
	spent := 0.0
	for len(queues) > 0 && spent < enough {
		for n, sig := range sigs {
			take := 1
			if n < (len(sigs)+1)/2 {
				take = 2
			}
			take = min(take, len(queues[sig]))
			for _, test := range queues[sig][:take] {
				chosen = append(chosen, test)
				spent += test.Seconds
			}
			if queues[sig] = queues[sig][take:]; len(queues[sig]) == 0 {
				delete(queues, sig)
			}
		}
	}
	return chosen
}
