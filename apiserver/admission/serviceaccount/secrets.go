package serviceaccount

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/podref"
)

// checkMountable refuses secrets that the account does not list. Every kind of container counts.
func checkMountable(account *corev1.ServiceAccount, pod *corev1.Pod) error {
	lent := lentBy(account)
	for _, volume := range pod.Spec.Volumes {
		if volume.Secret != nil && !lent[volume.Secret.SecretName] {
			return fmt.Errorf("volume with secret.secretName=%q is not allowed because service account %s does not reference that secret",
				volume.Secret.SecretName, account.Name)
		}
	}
	for _, c := range pod.Spec.InitContainers {
		if err := checkEnv("init container", c.Name, c.Env, c.EnvFrom, account, lent); err != nil {
			return err
		}
	}
	for _, c := range pod.Spec.Containers {
		if err := checkEnv("container", c.Name, c.Env, c.EnvFrom, account, lent); err != nil {
			return err
		}
	}
	if err := checkEphemeral(account, pod); err != nil {
		return err
	}
	for i, pull := range pod.Spec.ImagePullSecrets {
		if !slices.Contains(account.ImagePullSecrets, pull) {
			return fmt.Errorf("imagePullSecrets[%d].name=%q is not allowed because service account %s does not reference that imagePullSecret",
				i, pull.Name, account.Name)
		}
	}
	return nil
}

func checkEphemeral(account *corev1.ServiceAccount, pod *corev1.Pod) error {
	lent := lentBy(account)
	for _, c := range pod.Spec.EphemeralContainers {
		if err := checkEnv("ephemeral container", c.Name, c.Env, c.EnvFrom, account, lent); err != nil {
			return err
		}
	}
	return nil
}

func checkEnv(kind, container string, env []corev1.EnvVar, from []corev1.EnvFromSource, account *corev1.ServiceAccount, lent map[string]bool) error {
	for _, variable := range env {
		if variable.ValueFrom == nil || variable.ValueFrom.SecretKeyRef == nil {
			continue
		}
		if name := variable.ValueFrom.SecretKeyRef.Name; !lent[name] {
			return fmt.Errorf("%s %s with envVar %s referencing secret.secretName=%q is not allowed because service account %s does not reference that secret",
				kind, container, variable.Name, name, account.Name)
		}
	}
	for _, source := range from {
		if source.SecretRef != nil && !lent[source.SecretRef.Name] {
			return fmt.Errorf("%s %s with envFrom referencing secret.secretName=%q is not allowed because service account %s does not reference that secret",
				kind, container, source.SecretRef.Name, account.Name)
		}
	}
	return nil
}

func lentBy(account *corev1.ServiceAccount) map[string]bool {
	lent := map[string]bool{}
	for _, secret := range account.Secrets {
		lent[secret.Name] = true
	}
	return lent
}

func refersToSecret(pod *corev1.Pod) bool {
	found := false
	podref.Visit(pod, podref.Visitor{Secret: func(string) { found = true }})
	return found
}
