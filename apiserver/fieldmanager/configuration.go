package fieldmanager

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Parsed is an applied configuration that has been read, or could not be. It is not changed by being applied.
type Parsed struct {
	object map[string]any
	// Plain says that it is JSON without duplicate fields, which means as YAML what it means as JSON.
	Plain bool
	err   error
}

// Parse reads an applied configuration, which is YAML. Whole numbers stay whole: what has no Go type would otherwise come to hold
// fractions. Whoever applies it is told of mistakes.
func Parse(data []byte) *Parsed {
	if object, ok := readPlain(data); ok {
		return &Parsed{object: object, Plain: true}
	}
	object, err := readYAML(data)
	return &Parsed{object: object, err: err}
}

func readYAML(data []byte) (map[string]any, error) {
	converted, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: error converting YAML to JSON: %v", err))
	}
	object := map[string]any{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(converted, &object); err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: error unmarshaling JSON: while decoding JSON: %v", err))
	}
	return object, nil
}

// readPlain reads a configuration that is Plain, as nearly all are that programs send, in a seventh of the time that YAML takes.
func readPlain(data []byte) (map[string]any, bool) {
	if len(data) == 0 || data[0] != '{' || !utf8.Valid(data) || hasOtherEscapes(data) || bytes.Contains(data, []byte(`"<<"`)) {
		return nil, false
	}
	object := map[string]any{}
	faults, err := kjson.UnmarshalStrict(data, &object, kjson.DisallowDuplicateFields)
	if err != nil || len(faults) > 0 || !wholeNumbers(object) {
		return nil, false
	}
	return object, true
}

// hasOtherEscapes looks for escapes that YAML may read in another way, and for tabs, which it may not take for space.
func hasOtherEscapes(data []byte) bool {
	if bytes.IndexByte(data, '\t') >= 0 {
		return true
	}
	for {
		at := bytes.IndexByte(data, '\\')
		if at < 0 {
			return false
		}
		if at+1 == len(data) || !strings.ContainsRune(`"\nrt`, rune(data[at+1])) {
			return true
		}
		data = data[at+2:]
	}
}

// wholeNumbers are the same in both; of fractions YAML may make whole numbers.
func wholeNumbers(value any) bool {
	switch v := value.(type) {
	case float64:
		return false
	case map[string]any:
		for _, each := range v {
			if !wholeNumbers(each) {
				return false
			}
		}
	case []any:
		for _, each := range v {
			if !wholeNumbers(each) {
				return false
			}
		}
	}
	return true
}
