package tokens

import (
	"encoding/json"

	"github.com/go-jose/go-jose/v4/jwt"
)

// claims of a service account token: the registered ones and Kubernetes' own.
type claims struct {
	jwt.Claims
	Audience   audiences         `json:"aud,omitempty"` // in place of the embedded one, which writes a single one as a string
	Kubernetes *kubernetesClaims `json:"kubernetes.io,omitempty"`
	legacyClaims
}

// audiences are written as a list always, and read as a list or a string.
type audiences []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audiences) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audiences{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// kubernetesClaims name the account and the object that a token is bound to.
type kubernetesClaims struct {
	Namespace      string           `json:"namespace,omitempty"`
	Node           *reference       `json:"node,omitempty"`
	Pod            *reference       `json:"pod,omitempty"`
	Secret         *reference       `json:"secret,omitempty"`
	ServiceAccount reference        `json:"serviceaccount,omitempty"`
	WarnAfter      *jwt.NumericDate `json:"warnafter,omitempty"`
}

type reference struct {
	Name string `json:"name,omitempty"`
	UID  string `json:"uid,omitempty"`
}

// legacyClaims are those of tokens that are kept in secrets and do not expire.
type legacyClaims struct {
	Namespace  string `json:"kubernetes.io/serviceaccount/namespace,omitempty"`
	SecretName string `json:"kubernetes.io/serviceaccount/secret.name,omitempty"`
	Account    string `json:"kubernetes.io/serviceaccount/service-account.name,omitempty"`
	AccountUID string `json:"kubernetes.io/serviceaccount/service-account.uid,omitempty"`
}

// legacyIssuer is the issuer of all tokens in secrets.
const legacyIssuer = "kubernetes/serviceaccount"
