package join

import (
	"strings"
	"testing"
)

func TestParseToken(t *testing.T) {
	hash := strings.Repeat("a1", 32)
	for text, want := range map[string]Token{
		"abcdef.0123456789abcdef":                  {ID: "abcdef", Secret: "0123456789abcdef"},
		"K10" + hash + "::abcdef.0123456789abcdef": {ID: "abcdef", Secret: "0123456789abcdef", Hash: hash},
		"":                           {},
		"abcdef":                     {},
		"ABCDEF.0123456789abcdef":    {},
		"abcdef.0123456789abcde":     {},
		"abcdef.0123456789abcdef\n":  {},
		"K10abcdef.0123456789abcdef": {},
		"K10" + hash + ":abcdef.0123456789abcdef":   {},
		"K10" + hash + "0::abcdef.0123456789abcdef": {},
	} {
		got, err := ParseToken(text)
		if (err != nil) != (want == Token{}) || err == nil && got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestNewTokenIsAToken(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		token, err := NewToken()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseToken(token.Pinned([]byte("authority")))
		if err != nil || again.String() != token.String() || again.Hash != hashOf([]byte("authority")) || seen[token.ID] {
			t.Errorf("%v was read as %v, %v", token, again, err)
		}
		seen[token.ID] = true
	}
}
