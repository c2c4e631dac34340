package reviews

import (
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
)

// maxText is how much is told of an answer that is no Status, as upstream does.
const maxText = 2048

// Refusal is what a webhook said that did not answer 200: a Status if it sent one, or else what the code means.
func Refusal(response *http.Response, data []byte) error {
	status := &metav1.Status{}
	if kjson.UnmarshalCaseSensitivePreserveInts(data, status) == nil && status.Kind == "Status" && status.Status != metav1.StatusSuccess {
		return apierrors.FromObject(status)
	}
	retry, _ := strconv.Atoi(response.Header.Get("Retry-After")) // none is zero
	text := "unknown"
	if media := response.Header.Get("Content-Type"); strings.HasPrefix(media, "text/") || media == "" {
		text = strings.TrimSpace(strings.ToValidUTF8(string(data[:min(len(data), maxText)]), "?"))
	}
	return apierrors.NewGenericServerResponse(response.StatusCode, "POST", schema.GroupResource{}, "", text, retry, true)
}
