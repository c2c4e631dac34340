package oidc

import (
	"errors"
	"fmt"
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

// text returns a claim that is a string.
func (c claims) text(name string) (string, error) {
	value, ok := c[name]
	if !ok {
		return "", errors.New("claim not present")
	}
	text, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("claim is not a string but %T", value)
	}
	return text, nil
}

// texts returns a claim that is a string or a list of strings.
func (c claims) texts(name string) ([]string, error) {
	switch value := c[name].(type) {
	case nil:
		return nil, nil
	case string:
		return []string{value}, nil
	case []any:
		all := make([]string, 0, len(value))
		for _, one := range value {
			text, ok := one.(string)
			if !ok {
				return nil, fmt.Errorf("claim is a list with a %T in it", one)
			}
			all = append(all, text)
		}
		return all, nil
	default:
		return nil, fmt.Errorf("claim is not a list of strings but %T", value)
	}
}

// audiences of the token.
func (c claims) audiences() []string {
	all, err := c.texts("aud")
	if err != nil {
		return nil
	}
	return all
}

// textOf is the value of an expression that must be a string.
func textOf(value ref.Val) (string, error) {
	text, ok := value.Value().(string)
	if !ok || value.Type() != types.StringType {
		return "", fmt.Errorf("oidc: error evaluating expression: want a string, got %s", value.Type().TypeName())
	}
	return text, nil
}

// textsOf is the value of an expression that is a string, a list of strings or nothing. What is empty is left out.
func textsOf(value ref.Val) ([]string, error) {
	if value.Type() == types.NullType {
		return nil, nil
	}
	if value.Type() == types.StringType {
		text, err := textOf(value)
		if err != nil || text == "" {
			return nil, err
		}
		return []string{text}, nil
	}
	list, ok := value.(traits.Lister)
	if !ok {
		return nil, fmt.Errorf("oidc: error evaluating expression: want a string or a list of strings, got %s", value.Type().TypeName())
	}
	var all []string
	for i := list.Iterator(); i.HasNext() == types.True; {
		text, err := textOf(i.Next())
		if err != nil {
			return nil, err
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
