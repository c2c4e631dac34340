package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
)

// Static recognizes a fixed set of tokens. They are found by their digests, so that the time it takes tells
// nothing about them.
type Static struct {
	users map[[sha256.Size]byte]user.Info
}

var _ authenticator.Token = &Static{}

// NewStatic returns an authenticator of these tokens.
func NewStatic(users map[string]user.Info) *Static {
	s := &Static{users: map[[sha256.Size]byte]user.Info{}}
	for token, u := range users {
		s.users[sha256.Sum256([]byte(token))] = u
	}
	return s
}

// LoadStatic reads a file of lines: token,user name,user uid[,"group1,group2"].
func LoadStatic(path string) (*Static, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading token file: %w", err)
	}
	defer file.Close()
	lines := csv.NewReader(file)
	lines.FieldsPerRecord, lines.TrimLeadingSpace = -1, true
	users := map[string]user.Info{}
	for {
		record, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return NewStatic(users), nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading token file: %w", err)
		}
		if len(record) < 3 || record[0] == "" {
			return nil, fmt.Errorf("token file %q must have at least 3 columns (token, user name, user uid), found %d", path, len(record))
		}
		u := &user.DefaultInfo{Name: record[1], UID: record[2]}
		if len(record) > 3 && record[3] != "" {
			u.Groups = strings.Split(record[3], ",")
		}
		users[record[0]] = u
	}
}

// AuthenticateToken implements authenticator.Token.
func (s *Static) AuthenticateToken(_ context.Context, token string) (*authenticator.Response, bool, error) {
	u, ok := s.users[sha256.Sum256([]byte(token))]
	if !ok {
		return nil, false, nil
	}
	return &authenticator.Response{User: u}, true, nil
}
