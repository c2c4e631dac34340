// Command kubectl is upstream's client, built from k8s.io/kubectl. Where a connection is refused it also says what coxswain advises.
package main

import (
	"fmt"
	"os"
	"strings"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"

	_ "k8s.io/client-go/plugin/pkg/client/auth"

	"github.com/coxswain-k8s/coxswain/cluster/programs"
)

func main() {
	if advice := os.Getenv(programs.RefusedAdvice); advice != "" {
		util.BehaviorOnFatal(advising(advice))
	}
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}

// advising ends the process with kubectl's words, and the advice where it fits.
func advising(advice string) func(string, int) {
	return func(message string, code int) {
		message = strings.TrimSuffix(message, "\n")
		if strings.HasPrefix(message, "The connection to the server ") && strings.Contains(message, " was refused") {
			message += "\n" + advice
		}
		if message != "" {
			fmt.Fprintln(os.Stderr, message)
		}
		os.Exit(code)
	}
}
