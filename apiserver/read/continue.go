package read

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// continuation is where the next page of a list starts. Clients get it as an opaque string.
type continuation struct {
	revision int64  // of all pages; -1 for the latest state
	start    string // key, inclusive
}

// continueToken is its encoded form.
type continueToken struct {
	APIVersion      string `json:"v"`
	ResourceVersion int64  `json:"rv"`
	StartKey        string `json:"start"`
}

const continueVersion = "meta.k8s.io/v1"

func makeContinue(revision int64, start, prefix string) string {
	data, err := json.Marshal(continueToken{
		APIVersion: continueVersion, ResourceVersion: revision, StartKey: strings.TrimPrefix(start, prefix),
	})
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// parseContinue refuses tokens that lead out of the prefix: they come from clients.
func parseContinue(text, prefix string) (continuation, error) {
	fail := func(why string) (continuation, error) {
		return continuation{}, apierrors.NewBadRequest(fmt.Sprintf("invalid continue token: %s", why))
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return fail(fmt.Sprintf("continue key is not valid: %v", err))
	}
	var token continueToken
	if err := json.Unmarshal(data, &token); err != nil {
		return fail(fmt.Sprintf("continue key is not valid: %v", err))
	}
	if token.APIVersion != continueVersion {
		return fail(fmt.Sprintf("continue key is not valid: server does not recognize this encoded version %v", token.APIVersion))
	}
	if token.ResourceVersion == 0 {
		return fail("continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
	}
	key := token.StartKey
	if key == "" {
		return fail("continue key is not valid: encoded start key empty (version meta.k8s.io/v1)")
	}
	if cleaned := path.Clean("/" + key); cleaned != "/"+key && cleaned != "/"+strings.TrimSuffix(key, "/") {
		return fail(fmt.Sprintf("continue key is not valid: %s", key))
	}
	return continuation{revision: token.ResourceVersion, start: prefix + key}, nil
}

// expiredPage refuses the next page of a list that is too old, with a token for going on from the latest state.
func expiredPage(start, prefix string) *apierrors.StatusError {
	if start == "" {
		return refusal.Expired()
	}
	err := apierrors.NewResourceExpired("The provided continue parameter is too old to display a consistent list result. You can start a new list without " +
		"the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token " +
		"results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.")
	err.ErrStatus.ListMeta.Continue = makeContinue(-1, start, prefix)
	return err
}
