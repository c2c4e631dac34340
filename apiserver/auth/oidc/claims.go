package oidc

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiserver/pkg/authentication/user"
)

// claims of a token that was verified.
type claims map[string]any

// value for expressions.
func (c claims) value() traits.Mapper {
	return types.NewStringInterfaceMap(types.DefaultTypeAdapter, c)
}

// text returns a claim that is a string; null is an empty one.
func (c claims) text(name string) (string, error) {
	value, ok := c[name]
	if !ok {
		return "", errors.New("claim not present")
	}
	text, ok := value.(string)
	if !ok {
		return "", c.into(name, &text)
	}
	return text, nil
}

// texts returns a claim that is a string or a list of strings.
func (c claims) texts(name string) ([]string, error) {
	if text, ok := c[name].(string); ok {
		return []string{text}, nil
	}
	var all []string
	err := c.into(name, &all)
	return all, err
}

// into decodes a claim, or says why it cannot be.
func (c claims) into(name string, value any) error {
	data, err := json.Marshal(c[name])
	if err != nil {
		return err
	}
	return json.Unmarshal(data, value)
}

// audiences of the token.
func (c claims) audiences() []string {
	all, err := c.texts("aud")
	if err != nil {
		return nil
	}
	return all
}

var (
	errNoText  = errors.New("expression must return a string")
	errNoTexts = errors.New("expression must return a string or a list of strings")
)

// textOf is the value of an expression that must be a string.
func textOf(value ref.Val) (string, error) {
	text, ok := value.Value().(string)
	if !ok || value.Type() != types.StringType {
		return "", errNoText
	}
	return text, nil
}

// textsOf is the value of an expression that is a string, a list of strings or nothing. What is empty is left out.
func textsOf(value ref.Val) ([]string, error) {
	if value.Type() == types.NullType {
		return nil, nil
	}
	if text, err := textOf(value); err == nil {
		if text == "" {
			return nil, nil
		}
		return []string{text}, nil
	}
	list, ok := value.(traits.Lister)
	if !ok {
		return nil, errNoTexts
	}
	var all []string
	for i := list.Iterator(); i.HasNext() == types.True; {
		text, err := textOf(i.Next())
		if err != nil {
			return nil, errNoTexts
		}
		if text != "" {
			all = append(all, text)
		}
	}
	return all, nil
}

// userValue is a user for expressions.
func userValue(u *user.DefaultInfo) traits.Mapper {
	extra := map[string]any{}
	for key, values := range u.Extra {
		extra[key] = values
	}
	return types.NewStringInterfaceMap(types.DefaultTypeAdapter, map[string]any{
		"username": u.Name, "uid": u.UID, "groups": slices.Clone(u.Groups), "extra": extra,
	})
}

// prefixed puts prefix before each name.
func prefixed(prefix string, names []string) []string {
	if prefix == "" || len(names) == 0 {
		return names
	}
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = strings.Join([]string{prefix, name}, "")
	}
	return all
}
