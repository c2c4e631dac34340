package apiserver

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxErrorText bounds what is read of a kubelet's explanation.
const maxErrorText = 64 << 10

// podLog streams what a container wrote.
func (c *call) podLog() error {
	options, err := logOptions(c.r.URL.Query())
	if err != nil {
		return err
	}
	if err := invalid(corev1.SchemeGroupVersion.WithKind("PodLogOptions").GroupKind(), c.info.Name, checkLogOptions(options)); err != nil {
		return err
	}
	pod, err := c.pod()
	if err != nil {
		return err
	}
	container, err := containerOf(pod, options.Container)
	if err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		// Nothing ran yet: there is nothing to show.
		c.w.Header().Set("Content-Type", "text/plain")
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	kubelet, err := c.kubeletOf(pod.Spec.NodeName)
	if err != nil {
		return err
	}
	location := *kubelet.URL
	location.Path = "/containerLogs/" + pod.Namespace + "/" + pod.Name + "/" + container
	location.RawQuery = logQuery(c.r.URL.Query()).Encode()
	return c.stream(kubelet, &location)
}

// logOptions reads what the client asked.
func logOptions(query url.Values) (*corev1.PodLogOptions, error) {
	options := &corev1.PodLogOptions{Container: query.Get("container")}
	for name, to := range map[string]**int64{"tailLines": &options.TailLines, "limitBytes": &options.LimitBytes, "sinceSeconds": &options.SinceSeconds} {
		text := query.Get(name)
		if text == "" {
			continue
		}
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		*to = &value
	}
	if text := query.Get("sinceTime"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		options.SinceTime = &metav1.Time{Time: at}
	}
	return options, nil
}

// logQuery is what the kubelet is told of what the client asked.
func logQuery(asked url.Values) url.Values {
	query := url.Values{}
	for _, name := range []string{"follow", "previous", "timestamps", "sinceSeconds", "sinceTime", "tailLines", "limitBytes", "stream"} {
		if value := asked.Get(name); value != "" {
			query.Set(name, value)
		}
	}
	return query
}

func checkLogOptions(o *corev1.PodLogOptions) field.ErrorList {
	var errs field.ErrorList
	if o.TailLines != nil && *o.TailLines < 0 {
		errs = append(errs, field.Invalid(field.NewPath("tailLines"), *o.TailLines, "must be greater than or equal to 0"))
	}
	if o.LimitBytes != nil && *o.LimitBytes < 1 {
		errs = append(errs, field.Invalid(field.NewPath("limitBytes"), *o.LimitBytes, "must be greater than 0"))
	}
	switch {
	case o.SinceSeconds != nil && o.SinceTime != nil:
		errs = append(errs, field.Forbidden(field.NewPath(""), "at most one of `sinceTime` or `sinceSeconds` may be specified"))
	case o.SinceSeconds != nil && *o.SinceSeconds < 1:
		errs = append(errs, field.Invalid(field.NewPath("sinceSeconds"), *o.SinceSeconds, "must be greater than 0"))
	}
	return errs
}

// stream copies a kubelet's answer as it comes.
func (c *call) stream(kubelet *NodeConnection, location *url.URL) error {
	r, err := http.NewRequestWithContext(c.ctx(), http.MethodGet, location.String(), nil)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	response, err := kubelet.Transport.RoundTrip(r)
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("Get %q: %w", location.String(), err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return c.kubeletRefused(response)
	}
	contentType := response.Header.Get("Content-Type")
	if contentType == "" {
		contentType = "text/plain"
	}
	c.w.Header().Set("Content-Type", contentType)
	c.w.WriteHeader(http.StatusOK)
	copyFlushing(c.w, response.Body)
	return nil
}

// copyFlushing sends on what there is as soon as it is there.
func copyFlushing(w http.ResponseWriter, from io.Reader) {
	flusher := http.NewResponseController(w)
	_ = flusher.Flush()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return
			}
			_ = flusher.Flush() // a writer that cannot flush delivers at its end
		}
		if err != nil {
			return
		}
	}
}

// kubeletRefused says what the kubelet said.
func (c *call) kubeletRefused(response *http.Response) error {
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
	return apierrors.NewGenericServerResponse(response.StatusCode, "", c.groupResource(), c.info.Name, message, 0, false)
}
