package serving

import (
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/zpages"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/version"
)

// Pages are /statusz and /flagz of a component that starts now.
type Pages struct {
	// Component is its name.
	Component string
	// Paths are those that it serves beside its work, in order.
	Paths []string
	// Gates switch the pages.
	Gates map[string]string
	// Flags are those of the command line with their values; nil where there is none, and then there is no /flagz.
	Flags func() map[string]string
}

// AddTo adds those that are on.
func (p Pages) AddTo(to map[string]http.Handler) {
	info := version.Info()
	binary, _, _ := strings.Cut(strings.TrimPrefix(info.GitVersion, "v"), "+")
	about := &zpages.Component{
		Name: p.Component, Version: binary, Emulated: info.EmulationMajor + "." + info.EmulationMinor, Started: metav1.Now(), Clock: clock.RealClock{},
		Paths: p.Paths, Flags: p.Flags,
	}
	if options.GateOn(p.Gates, options.StatusGate) {
		to[zpages.StatusPath] = about.Status()
	}
	if p.Flags != nil && options.GateOn(p.Gates, options.FlagsGate) {
		to[zpages.FlagsPath] = about.FlagPage()
	}
}

// KubeletPages are those of a kubelet.
func KubeletPages(gates map[string]string, flags func() map[string]string) map[string]http.Handler {
	all := map[string]http.Handler{}
	Pages{Component: "kubelet", Gates: gates, Flags: flags, Paths: []string{"/configz", zpages.FlagsPath, "/healthz", "/metrics", "/pods"}}.AddTo(all)
	return all
}
