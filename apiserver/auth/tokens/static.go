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
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Static recognizes a fixed set of tokens. They are found by their digests, so that the time it takes tells
// nothing about them.
type Static struct {
	users map[[sha256.Size]byte]user.Info
}

var _ authenticator.Token = &Static{}

// newStatic returns an authenticator of these tokens.
func newStatic(users map[string]user.Info) *Static {
	s := &Static{users: map[[sha256.Size]byte]user.Info{}}
	for token, u := range users {
		s.users[sha256.Sum256([]byte(token))] = u
	}
	return s
}

// LoadStatic reads a file of lines: token,user name,user uid[,"group1,group2"]. Lines without a token are passed over; of
// several with the same token the last counts.
func LoadStatic(ctx context.Context, path string) (*Static, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := csv.NewReader(file)
	lines.FieldsPerRecord = -1
	users := map[string]user.Info{}
	for n := 1; ; n++ {
		record, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return newStatic(users), nil
		}
		if err != nil {
			return nil, err
		}
		if len(record) < 3 {
			return nil, fmt.Errorf("token file '%s' must have at least 3 columns (token, user name, user uid), found %d", path, len(record))
		}
		token := record[0]
		if token == "" {
			log.FromContext(ctx).Info("A line of the token file has no token", "file", path, "record", n)
			continue
		}
		if users[token] != nil {
			log.FromContext(ctx).Info("A token is in the token file more than once; the last line counts", "file", path, "record", n)
		}
		u := &user.DefaultInfo{Name: record[1], UID: record[2]}
		if len(record) > 3 && record[3] != "" {
			u.Groups = strings.Split(record[3], ",")
		}
		users[token] = u
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
