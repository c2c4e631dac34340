package imagepolicywebhook

import (
	"errors"
	"fmt"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
)

// settings are what is configured.
type settings struct {
	kubeconfig string
	// allowFor and denyFor are how long answers are remembered; 0 is not at all.
	allowFor, denyFor time.Duration
	// pause before the second attempt.
	pause time.Duration
	// failsOpen lets pods pass about which nobody answers.
	failsOpen bool
}

// bounds of a number of the configuration: 0 means usual, -1 none.
type bounds struct {
	unit               time.Duration
	least, most, usual time.Duration
}

func read(from *configuration.File) (settings, error) {
	var config struct {
		ImagePolicy struct {
			KubeConfigFile string `json:"kubeConfigFile"`
			AllowTTL       int64  `json:"allowTTL"`
			DenyTTL        int64  `json:"denyTTL"`
			RetryBackoff   int64  `json:"retryBackoff"`
			DefaultAllow   bool   `json:"defaultAllow"`
		} `json:"imagePolicy"`
	}
	found, err := from.Decode(Name, configuration.Type{}, &config)
	if err != nil {
		return settings{}, err
	}
	if !found {
		return settings{}, errors.New("no config specified")
	}
	policy := config.ImagePolicy
	s := settings{kubeconfig: policy.KubeConfigFile, failsOpen: policy.DefaultAllow}
	if s.kubeconfig != "" {
		s.kubeconfig = from.Path(s.kubeconfig)
	}
	var wrong [3]error
	s.pause, wrong[0] = bounds{time.Millisecond, time.Nanosecond, 5 * time.Minute, 500 * time.Millisecond}.normal(policy.RetryBackoff)
	s.allowFor, wrong[1] = bounds{time.Second, time.Second, 30 * time.Minute, 5 * time.Minute}.normal(policy.AllowTTL)
	s.denyFor, wrong[2] = bounds{time.Second, time.Second, 30 * time.Minute, 30 * time.Second}.normal(policy.DenyTTL)
	return s, errors.Join(wrong[:]...)
}

func (b bounds) normal(number int64) (time.Duration, error) {
	switch value := time.Duration(number) * b.unit; {
	case number == -1:
		return 0, nil
	case number == 0:
		return b.usual, nil
	case number < 0 || number > int64(b.most/b.unit) || value < b.least:
		return 0, fmt.Errorf("valid value is between %v and %v, got %v", b.least, b.most, value)
	default:
		return value, nil
	}
}
