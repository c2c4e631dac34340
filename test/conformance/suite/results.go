package suite

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/onsi/ginkgo/v2/types"
)

// Result is what came of one test.
type Result struct {
	Name    string
	Passed  bool
	Seconds float64
	// Message says why it failed.
	Message string
	// Output is what the test wrote.
	Output string
	// Again is set if it failed at first and was run a second time.
	Again bool
}

// FirstLine is the message in one line: what failed, and for an assertion what was expected.
func (r Result) FirstLine() string {
	var words []string
	for _, line := range strings.Split(r.Message, "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			words = append(words, line)
		}
		if len(strings.Join(words, " ")) > 120 {
			break
		}
	}
	text := strings.Join(words, " ")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}

// readResults reads the report that ginkgo wrote. Tests that did not run are left out.
func readResults(file string) ([]Result, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var reports []types.Report
	if err := json.Unmarshal(data, &reports); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	var results []Result
	for _, report := range reports {
		for _, spec := range report.SpecReports {
			if result, ran := resultOf(spec); ran {
				results = append(results, result)
			}
		}
	}
	return results, nil
}

func resultOf(spec types.SpecReport) (Result, bool) {
	if spec.LeafNodeType != types.NodeTypeIt {
		// The suite's own preparation counts only when it fails, for then no test could run.
		return Result{Name: "the suite's " + spec.LeafNodeType.String(), Message: spec.Failure.Message, Output: spec.CapturedGinkgoWriterOutput},
			spec.State.Is(types.SpecStateFailureStates)
	}
	result := Result{
		Name: spec.FullText(), Passed: spec.State == types.SpecStatePassed, Seconds: spec.RunTime.Seconds(),
		Message: spec.Failure.Message, Output: spec.CapturedGinkgoWriterOutput + spec.CapturedStdOutErr,
	}
	switch spec.State {
	case types.SpecStateSkipped:
		if spec.Failure.Message == "" {
			return result, false // filtered out
		}
		result.Message = "skipped itself: " + spec.Failure.Message
	case types.SpecStatePending:
		return result, false
	case types.SpecStatePanicked:
		result.Message = "panicked: " + spec.Failure.ForwardedPanic
	case types.SpecStateInterrupted, types.SpecStateTimedout:
		if result.Message == "" {
			result.Message = spec.State.String()
		}
	}
	return result, true
}
