package credentials

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/coxswain-k8s/coxswain/cluster/join"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// openToken reads or makes the token with which agents join, and keeps it with the hash of the authority in DataDir/token.
func openToken(o *options.Options, authority []byte) (join.Token, error) {
	file := filepath.Join(o.DataDir, "token")
	text := o.Token
	if text == "" {
		data, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return join.Token{}, fmt.Errorf("reading the token: %w", err)
		}
		text = strings.TrimSpace(string(data))
	}
	var token join.Token
	var err error
	if text == "" {
		token, err = join.NewToken()
	} else {
		token, err = join.ParseToken(text)
	}
	if err != nil {
		return token, err
	}
	if o.Ephemeral {
		return token, nil
	}
	if err := os.WriteFile(file+".new", []byte(token.Pinned(authority)+"\n"), 0o600); err != nil {
		return token, fmt.Errorf("writing the token: %w", err)
	}
	return token, os.Rename(file+".new", file)
}
