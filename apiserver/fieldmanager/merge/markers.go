package merge

import (
	_ "embed" // the markers
	"encoding/json"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
	"strings"
)

//go:embed markers.txt
var markersText string

// marker says how a list or map is merged.
type marker struct {
	kind string // "set", "map", "atomic" or "granular"
	keys []markerKey
}

type markerKey struct {
	name   string
	preset paths.Scalar // nil for none
}

// parseMarkers returns the markers by schema and field.
func parseMarkers(text string) map[string]marker {
	markers := map[string]marker{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] == "#" {
			continue
		}
		m := marker{kind: words[2]}
		for _, word := range words[3:] {
			name, preset, found := strings.Cut(word, "=")
			key := markerKey{name: name}
			if found {
				key.preset = parsePreset(preset)
			}
			m.keys = append(m.keys, key)
		}
		markers[words[0]+" "+words[1]] = m
	}
	return markers
}

func parsePreset(text string) paths.Scalar {
	var number int64
	if json.Unmarshal([]byte(text), &number) == nil {
		return number
	}
	var word any
	if json.Unmarshal([]byte(text), &word) != nil {
		return nil
	}
	return word
}
