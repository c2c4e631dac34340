package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/coxswain-k8s/coxswain/cluster"
)

// DataDir is the folder of the cluster that commands are about: $COXSWAIN_DATA_DIR or the server's default. A user who
// cannot write there keeps unpacked programs in a cache folder of their own.
func DataDir() string {
	if dir := os.Getenv("COXSWAIN_DATA_DIR"); dir != "" {
		return dir
	}
	dir := cluster.Default().DataDir
	if os.Geteuid() == 0 {
		return dir
	}
	if cache, err := os.UserCacheDir(); err == nil {
		return filepath.Join(cache, "coxswain")
	}
	return dir
}

// Kubeconfig is the administrator's: of this machine's server, or else of the only cluster that up started here, or "". The advice is for
// those whom no server answers.
func Kubeconfig() (file, advice string) {
	dir := DataDir()
	server := filepath.Join(dir, "admin.kubeconfig")
	if _, err := os.Stat(server); err == nil {
		return server, "The cluster of this machine is not running, by " + server + ": `coxswain server` starts it."
	}
	several, _ := filepath.Glob(filepath.Join(dir, "clusters", "*", "admin.kubeconfig"))
	switch {
	case len(several) == 1:
		return several[0], "The cluster that `coxswain up` started is not running, by " + several[0] + ": `coxswain node list` shows its nodes."
	case len(several) > 1:
		return "", "There are several clusters of this machine: set KUBECONFIG to one of " + strings.Join(several, ", ") + "."
	}
	advice = "There is no cluster in " + dir + ": start one with `coxswain server`, say where it is with COXSWAIN_DATA_DIR, or set KUBECONFIG to the kubeconfig of another."
	if usual := cluster.Default().DataDir; dir != usual && os.Geteuid() != 0 {
		if _, err := os.Stat(usual); err == nil {
			advice += " That in " + usual + " is root's: use sudo."
		}
	}
	return "", advice
}

// ClientConfig reads the kubeconfig of that name, or else those of $KUBECONFIG, or else the administrator's. The namespace is that of
// the context in use.
func ClientConfig(kubeconfig string) (config *rest.Config, namespace string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	if kubeconfig == "" && os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		var advice string
		if rules.ExplicitPath, advice = Kubeconfig(); rules.ExplicitPath == "" {
			return nil, "", errors.New(advice)
		}
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil)
	if config, err = loader.ClientConfig(); err == nil {
		namespace, _, err = loader.Namespace()
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return config, namespace, nil
}
