package zpages

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	group   = "config.k8s.io"
	current = "v1beta1"
	// older is answered with a warning.
	older = "v1alpha1"
)

// statusz is Statusz of config.k8s.io, which has the same fields in both versions.
type statusz struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	StartTime         metav1.Time `json:"startTime"`
	UptimeSeconds     int64       `json:"uptimeSeconds"`
	GoVersion         string      `json:"goVersion"`
	BinaryVersion     string      `json:"binaryVersion"`
	EmulationVersion  string      `json:"emulationVersion,omitempty"`
	Paths             []string    `json:"paths,omitempty"`
}

// flagz is Flagz of config.k8s.io, which has the same fields in both versions.
type flagz struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Flags             map[string]string `json:"flags,omitempty"`
}

// heading stands above the text of both pages.
const heading = `
%s %s
Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.
`

// separator stands between a name and its value. It changes from answer to answer, so that nobody parses it.
func separator() string {
	return []string{":", ": ", "=", " "}[rand.IntN(4)] //nolint:gosec // G404: nothing is to be kept from anybody by it
}

// text is the page for people.
func (s *statusz) text() string {
	between := separator()
	uptime := time.Duration(s.UptimeSeconds) * time.Second
	lines := []string{
		"\nStarted" + between + " " + s.StartTime.UTC().Format(time.UnixDate),
		fmt.Sprintf("Up%s %d hr %02d min %02d sec", between, int(uptime.Hours()), int(uptime.Minutes())%60, s.UptimeSeconds%60),
		"Go version" + between + " " + s.GoVersion,
		"Binary version" + between + " " + s.BinaryVersion,
		"Emulation version" + between + " " + s.EmulationVersion,
		"Paths" + between + " " + strings.Join(s.Paths, " "),
	}
	return fmt.Sprintf(heading, s.Name, "statusz") + strings.Join(lines, "\n") + "\n"
}

// text is the page for people.
func (f *flagz) text() string {
	page := &strings.Builder{}
	fmt.Fprintf(page, heading, f.Name, "flagz")
	between := separator()
	for _, name := range slices.Sorted(maps.Keys(f.Flags)) {
		page.WriteString(name + between + f.Flags[name] + "\n")
	}
	return page.String()
}
