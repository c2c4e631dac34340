package connect

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/streaming/pkg/httpstream/wsstream"

	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// maxErrorText bounds what is read of a kubelet's explanation.
const maxErrorText = 64 << 10

// podLog streams what a container wrote.
func (c Verbs) podLog() error {
	options, err := logOptions(c.R.URL.Query())
	if err != nil {
		return err
	}
	if err := refusal.Invalid(corev1.SchemeGroupVersion.WithKind("PodLogOptions").GroupKind(), c.Info.Name, checkLogOptions(options)); err != nil {
		return err
	}
	pod, err := c.pod()
	if err != nil {
		return err
	}
	container, err := containerNamed(pod, options.Container)
	if err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		// Nothing ran yet: there is nothing to show.
		c.W.WriteHeader(http.StatusNoContent)
		return nil
	}
	kubelet, err := c.kubeletOf(pod.Spec.NodeName)
	if err != nil {
		return err
	}
	location := *kubelet.URL
	location.Path = "/containerLogs/" + pod.Namespace + "/" + pod.Name + "/" + container
	location.RawQuery = logQuery(c.R.URL.Query()).Encode()
	return c.stream(kubelet, &location)
}

// stream copies a kubelet's answer as it comes.
func (c Verbs) stream(kubelet *Kubelet, location *url.URL) error {
	r, err := http.NewRequestWithContext(c.Context(), http.MethodGet, location.String(), nil)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	response, err := kubelet.Transport.RoundTrip(r)
	if err != nil {
		return apierrors.NewInternalError(&url.Error{Op: "Get", URL: location.String(), Err: err})
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return c.kubeletRefused(response)
	}
	contentType := response.Header.Get("Content-Type")
	if contentType == "" {
		contentType = "text/plain"
	}
	if wsstream.IsWebSocketRequest(c.R) {
		return c.messages(response.Body)
	}
	c.W.Header().Set("Content-Type", contentType)
	c.W.WriteHeader(http.StatusOK)
	relay(c.W, response.Body)
	return nil
}

// messages sends what is read as messages of a websocket.
func (c Verbs) messages(from io.Reader) error {
	logger := logr.FromContextOrDiscard(c.Context()).V(1)
	from = bufio.NewReader(from) // the library drops what comes together with the end
	if err := wsstream.NewReaderWithLogger(logger, from, true, wsstream.NewDefaultReaderProtocols()).Copy(c.W, c.R); err != nil {
		logger.Info("A stream of messages ended early", "path", c.R.URL.Path, "reason", err.Error())
	}
	return nil
}

// kubeletRefused says what the kubelet said.
func (c Verbs) kubeletRefused(response *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, maxErrorText))
	if err != nil {
		text = []byte(response.Status)
	}
	message := strings.TrimSpace(string(text))
	switch response.StatusCode {
	case http.StatusBadRequest:
		return apierrors.NewBadRequest(message)
	case http.StatusInternalServerError:
		return apierrors.NewInternalError(fmt.Errorf("%s", message))
	}
	return apierrors.NewGenericServerResponse(response.StatusCode, "", c.GroupResource(), c.Info.Name, message, 0, false)
}
