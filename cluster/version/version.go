// Package version says which version of Kubernetes this is and which build.
package version

import (
	"runtime"

	apiversion "k8s.io/apimachinery/pkg/version"
)

// Version is set at build time: upstream's version that is served, and "+coxswain" with what distinguishes the
// build.
var Version = "v1.36.3+coxswain"

// Info is the answer to GET /version.
func Info() apiversion.Info {
	return apiversion.Info{
		Major: "1", Minor: "36", EmulationMajor: "1", EmulationMinor: "36", MinCompatibilityMajor: "1", MinCompatibilityMinor: "35",
		GitVersion: Version, GitTreeState: "clean",
		GoVersion: runtime.Version(), Compiler: runtime.Compiler, Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
}
