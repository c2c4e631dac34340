package why

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// container is one container of the pod with its status.
type container struct {
	spec   *corev1.Container
	status *corev1.ContainerStatus
	init   bool
}

// kind is how it is called.
func (c container) kind() string {
	if c.init && c.spec.RestartPolicy == nil {
		return "init container " + c.spec.Name
	}
	if c.init {
		return "sidecar " + c.spec.Name
	}
	return "container " + c.spec.Name
}

// containers in the order in which they start, those without a status left out.
func containers(pod *corev1.Pod) []container {
	var all []container
	collect := func(specs []corev1.Container, statuses []corev1.ContainerStatus, init bool) {
		for i := range specs {
			at := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == specs[i].Name })
			if at >= 0 {
				all = append(all, container{&specs[i], &statuses[at], init})
			}
		}
	}
	collect(pod.Spec.InitContainers, pod.Status.InitContainerStatuses, true)
	collect(pod.Spec.Containers, pod.Status.ContainerStatuses, false)
	return all
}

// crashed is the container whose last lines tell why the pod fails; nil if none does. previous says that these are of its last run.
func crashed(pod *corev1.Pod) (name string, previous bool) {
	for _, c := range containers(pod) {
		if ended := c.ended(); ended != nil && (ended.ExitCode != 0 || !c.init) {
			return c.spec.Name, c.status.State.Terminated == nil
		}
	}
	return "", false
}

// ended is how it ended last, if it does not run without trouble since.
func (c container) ended() *corev1.ContainerStateTerminated {
	switch {
	case c.status.State.Terminated != nil:
		return c.status.State.Terminated
	case c.status.LastTerminationState.Terminated != nil && !c.status.Ready:
		return c.status.LastTerminationState.Terminated
	}
	return nil
}

// settled is how long a container has run after which its last end is not what keeps it from being ready.
const settled = 10 * time.Minute

// failing is a pod one of whose containers cannot start or does not stay up.
func failing(f *Facts) *report {
	for _, c := range containers(&f.Pod) {
		waits := c.status.State.Waiting
		switch {
		case waits != nil && isImage(waits.Reason):
			return image(f, c)
		case waits != nil && waits.Reason == "CrashLoopBackOff":
			return crash(f, c)
		case waits != nil && waits.Reason != "" && waits.Reason != "ContainerCreating" && waits.Reason != "PodInitializing":
			return unstartable(f, c)
		}
		if runs := c.status.State.Running; runs != nil && f.Now.Sub(runs.StartedAt.Time) > settled {
			continue
		}
		if ended := c.ended(); ended != nil && (ended.ExitCode != 0 || !c.init && f.Pod.Spec.RestartPolicy == corev1.RestartPolicyAlways) {
			return crash(f, c)
		}
	}
	return nil
}

func isImage(reason string) bool {
	return slices.Contains([]string{"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"}, reason)
}

// image is a container whose image is not there.
func image(f *Facts, c container) *report {
	waits := c.status.State.Waiting
	message := waits.Message
	if e := f.last(c.spec.Name, "Failed to pull image", "Failed"); e != nil && waits.Reason == "ImagePullBackOff" {
		message = e.Message
	}
	r := &report{cause: fmt.Sprintf("waits: the image of %s cannot be pulled: %s", c.kind(), c.spec.Image)}
	r.help = imageHelp(f, c, message)
	return r.add("Image", waits.Reason+": "+oneLine(message), "pull policy "+string(c.spec.ImagePullPolicy)+", pull secrets: "+secrets(&f.Pod))
}

func secrets(pod *corev1.Pod) string {
	var names []string
	for _, secret := range pod.Spec.ImagePullSecrets {
		names = append(names, secret.Name)
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

func imageHelp(f *Facts, c container, message string) []string {
	low := strings.ToLower(message)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(low, word) })
	}
	switch reason := c.status.State.Waiting.Reason; {
	case reason == "InvalidImageName":
		return []string{"correct the name of the image"}
	case reason == "ErrImageNeverPull":
		return []string{"put the image onto " + f.Pod.Spec.NodeName + " (coxswain import), or allow it to be pulled: imagePullPolicy: IfNotPresent"}
	case has("unauthorized", "authentication required", "denied", "forbidden", "401", "403"):
		return []string{"check the name: a private image and one that does not exist look the same to a stranger", "name a Secret with the registry's credentials in imagePullSecrets of the pod or its service account"}
	case has("not found", "manifest unknown", "404"):
		return []string{"correct the name or the tag: the registry has no such image"}
	case has("no such host", "server misbehaving", "dial tcp", "i/o timeout", "connection refused", "network is unreachable", "deadline exceeded"):
		return []string{"make the registry reachable from " + f.Pod.Spec.NodeName + " (name resolution, network, proxy), or configure a mirror", "put the image onto the node by hand: coxswain import"}
	case has("x509", "certificate", "tls"):
		return []string{"have the node trust the registry's certificate, or configure it in registries.yaml"}
	case has("no space"):
		return []string{"free space on the disk of " + f.Pod.Spec.NodeName}
	case has("429", "too many requests", "rate limit"):
		return []string{"wait, use credentials with a larger share, or configure a mirror"}
	}
	return []string{"correct the image's name, or make it available to " + f.Pod.Spec.NodeName}
}

// unstartable is a container that the runtime could not create or start.
func unstartable(f *Facts, c container) *report {
	waits := c.status.State.Waiting
	r := &report{cause: fmt.Sprintf("waits: %s cannot be started: %s", c.kind(), oneLine(cmp.Or(waits.Message, waits.Reason)))}
	low := strings.ToLower(waits.Message)
	switch {
	case strings.Contains(low, "configmap") || strings.Contains(low, "secret"):
		r.help = append(r.help, "create what the container refers to in the namespace "+f.Pod.Namespace+", or mark the reference optional; the kubelet tries again by itself")
	case strings.Contains(low, "runasnonroot"):
		r.help = append(r.help, "set securityContext.runAsUser to a user that is not 0, or use an image that names one")
	case strings.Contains(low, "executable file not found"), strings.Contains(low, "no such file or directory"):
		r.help = append(r.help, "correct the container's command: the image has no such program")
	case strings.Contains(low, "permission denied"):
		r.help = append(r.help, "make the program executable for the container's user")
	}
	return r.add("State", waits.Reason+": "+oneLine(waits.Message))
}

// crash is a container that ends and is started again.
func crash(f *Facts, c container) *report {
	ended := c.ended()
	if ended == nil { // it waits to be started again, and nobody knows how it ended
		ended = &corev1.ContainerStateTerminated{Reason: "Unknown"}
	}
	r := &report{cause: fmt.Sprintf("crashes: %s ends with %s, restarted %s", c.kind(), outcome(ended), strings.Replace(plural(int(c.status.RestartCount), "time"), "1 time", "once", 1))}
	if c.status.RestartCount == 0 {
		r.cause = fmt.Sprintf("has failed: %s ended with %s", c.kind(), outcome(ended))
	}
	if probe := killedBy(f, c); probe != "" {
		r.cause = fmt.Sprintf("is restarted: the %s probe of %s fails, restarted %d times", strings.ToLower(probe), c.kind(), c.status.RestartCount)
		if e := f.last(c.spec.Name, probe+" probe", "Unhealthy"); e != nil {
			r.add("Probe", oneLine(e.Message)+" ("+duration.HumanDuration(f.Now.Sub(when(e)))+" ago)", describe(probeOf(c, probe)))
		}
		r.help = append(r.help, "see why it does not answer, or give it more time: "+strings.ToLower(probe)+"Probe.initialDelaySeconds, timeoutSeconds, failureThreshold, or a startupProbe")
	} else {
		r.help = exitHelp(f, c, ended)
	}
	r.add("Last run", runLines(f, ended)...)
	r.add("Last lines", tail(f.Logs[c.spec.Name])...)
	return r.add("Next restart", restart(f, c, ended)...)
}

// killedBy names the probe for which the kubelet has ended the container, or "".
func killedBy(f *Facts, c container) string {
	for _, probe := range []string{"Liveness", "Startup"} {
		if f.last(c.spec.Name, "failed "+strings.ToLower(probe)+" probe", "Killing") != nil {
			return probe
		}
	}
	return ""
}

func outcome(ended *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("exit code %d", ended.ExitCode)
	if ended.Signal != 0 {
		text = fmt.Sprintf("signal %d", ended.Signal)
	}
	if ended.Reason != "" && ended.Reason != "Error" {
		text += " (" + ended.Reason + ")"
	} else if meaning := meanings()[ended.ExitCode]; meaning != "" {
		text += " (" + meaning + ")"
	}
	return text
}

func meanings() map[int32]string {
	return map[int32]string{126: "not executable", 127: "command not found", 134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}
}

func exitHelp(f *Facts, c container, ended *corev1.ContainerStateTerminated) []string {
	logs := fmt.Sprintf("kubectl -n %s logs %s -c %s", f.Pod.Namespace, f.Pod.Name, c.spec.Name)
	if c.status.State.Terminated == nil {
		logs += " --previous"
	}
	switch {
	case ended.Reason == "OOMKilled":
		limit := "it has none"
		if memory, ok := c.spec.Resources.Limits[corev1.ResourceMemory]; ok {
			limit = "now " + memory.String()
		}
		return []string{"raise the container's memory limit (" + limit + "), or have the program use less"}
	case ended.ExitCode == 126 || ended.ExitCode == 127:
		return []string{"correct the container's command or arguments: the image has no such program, or it cannot be executed"}
	case ended.ExitCode == 0:
		return []string{"have the program stay in the foreground, or run it as a Job or with restartPolicy: OnFailure"}
	case ended.ExitCode == 137:
		return []string{"it was killed from outside: look for memory pressure of the node and for who sent the signal", logs}
	}
	return []string{"read what it says before it ends: " + logs}
}

func runLines(f *Facts, ended *corev1.ContainerStateTerminated) []string {
	var lines []string
	if !ended.FinishedAt.IsZero() {
		lines = append(lines, fmt.Sprintf("ended %s after %s with %s", f.ago(ended.FinishedAt), duration.HumanDuration(ended.FinishedAt.Sub(ended.StartedAt.Time)), outcome(ended)))
	}
	if ended.Message != "" {
		lines = append(lines, "message: "+oneLine(ended.Message))
	}
	return lines
}

// maxTail bounds the lines of a log.
const maxTail = 8

func tail(text string) []string {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	if len(lines) > maxTail {
		lines = lines[len(lines)-maxTail:]
	}
	for i, line := range lines {
		lines[i] = "| " + oneLine(line)
	}
	return lines
}

// restart says when the container is started next.
func restart(f *Facts, c container, ended *corev1.ContainerStateTerminated) []string {
	waits := c.status.State.Waiting
	if waits == nil {
		if f.Pod.Spec.RestartPolicy == corev1.RestartPolicyNever && c.status.State.Terminated != nil {
			return []string{"never: the pod's restartPolicy is Never"}
		}
		return nil
	}
	found := regexp.MustCompile(`back-off (\S+) restarting`).FindStringSubmatch(waits.Message)
	if found == nil {
		return nil
	}
	delay, err := time.ParseDuration(found[1])
	if err != nil || ended.FinishedAt.IsZero() {
		return nil
	}
	next := ended.FinishedAt.Add(delay)
	if next.Before(f.Now.Time) {
		return []string{"now: the back-off of " + found[1] + " is over"}
	}
	return []string{fmt.Sprintf("%s, back-off %s; it doubles with each crash, up to 5m", f.in(next), found[1])}
}
