package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// kept is a certificate in a file of the data folder.
type kept struct {
	name string // of the file, below the data folder
	*x509.Certificate
}

// read finds all certificates that a server or an agent keeps in a data folder.
func read(dataDir string) ([]kept, error) {
	var all []kept
	for _, part := range []string{"pki", "agent"} {
		err := filepath.WalkDir(filepath.Join(dataDir, part), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".crt" && filepath.Ext(path) != ".pem" {
				return err
			}
			name, _ := filepath.Rel(dataDir, path)
			one, err := readOne(path)
			if err != nil {
				return fmt.Errorf("reading %s: %w", path, err)
			}
			all = append(all, kept{name, one})
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("listing certificates: %w", err)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no certificates: run this on the server or on a node, or name its folder with --data-dir", dataDir)
	}
	slices.SortStableFunc(all, func(a, b kept) int { return a.NotAfter.Compare(b.NotAfter) })
	return all, nil
}

// readOne reads the first certificate of a file, which may hold a key, too.
func readOne(path string) (*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("it holds no certificate in PEM")
}

// row is the line of one certificate.
func (k *kept) row(now time.Time) string {
	left := "<expired>"
	if k.NotAfter.After(now) {
		left = duration.ShortHumanDuration(k.NotAfter.Sub(now))
	}
	return strings.Join([]string{k.name, k.Subject.CommonName, k.Issuer.CommonName, k.NotAfter.UTC().Format(time.RFC3339), left}, "\t")
}
