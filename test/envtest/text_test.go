package envtest

import (
	"io"
	"strings"
)

func readAll(r io.Reader) (string, error) {
	if r == nil {
		return "", nil
	}
	data, err := io.ReadAll(r)
	return string(data), err
}

func contains(text, part string) bool { return strings.Contains(text, part) }
