package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// External is what another server says of itself in OpenAPI v2: parts of its document, as they came.
type External struct {
	// Hash changes whenever the rest does.
	Hash                           string `json:"-"`
	Paths, Definitions, Parameters map[string]json.RawMessage
}

// SetExternals replaces what is merged into the document of v2, by the name of its server.
func (d *Documents) SetExternals(others map[string]*External) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if maps.Equal(d.others, others) {
		return
	}
	d.others = others
	clear(d.dumps)
}

// merger adds parts of other documents to one that is being written. Where two mean something else by the same name of a
// schema, the later one's gets a number at its end.
type merger struct {
	schemas map[string]Schema
	shared  sharing
	written map[string]bool            // paths
	added   map[string][]byte          // definitions
	others  map[string]json.RawMessage // parameters
}

func newMerger(schemas map[string]Schema, shared sharing, paths []*path) *merger {
	m := &merger{schemas: schemas, shared: shared, written: map[string]bool{}, added: map[string][]byte{}, others: map[string]json.RawMessage{}}
	for _, p := range paths {
		m.written[p.template] = true
	}
	return m
}

// schema of a name, in the form of v2.
func (m *merger) schema(name string) []byte {
	if added, ok := m.added[name]; ok {
		return added
	}
	return m.schemas[name].V2
}

// parameters are ours and those of others, which are named after what they are.
func (m *merger) parameters() map[string]any {
	all := map[string]any{}
	for name, p := range m.others {
		all[name] = p
	}
	for name, p := range m.shared {
		all[name] = p
	}
	return all
}

// add writes the paths behind those that are written, into the object that ends out, and notes the rest. When it fails, it has
// done nothing.
func (m *merger) add(out *bytes.Buffer, e *External) error {
	if err := e.check(); err != nil {
		return err
	}
	names, err := m.names(e.Definitions)
	if err != nil {
		return err
	}
	added := map[string][]byte{}
	for from, to := range names {
		theirs := renamed(e.Definitions[from], names)
		if ours := m.schema(to); ours != nil {
			if theirs, err = withKindsOf(ours, theirs); err != nil {
				return err
			}
		}
		added[to] = theirs
	}
	var paths bytes.Buffer
	for _, path := range slices.Sorted(maps.Keys(e.Paths)) {
		if m.written[path] {
			continue // of two versions, each describes their group
		}
		paths.WriteByte(',')
		if err := writeJSON(&paths, path); err != nil {
			return err
		}
		paths.WriteByte(':')
		paths.Write(renamed(e.Paths[path], names))
	}
	maps.Copy(m.added, added)
	for name, p := range e.Parameters {
		if _, ours := m.shared[name]; !ours {
			m.others[name] = renamed(p, names)
		}
	}
	for path := range e.Paths {
		m.written[path] = true
	}
	out.Truncate(out.Len() - 1) // the brace
	behind := paths.Bytes()
	if bytes.HasSuffix(out.Bytes(), []byte("{")) {
		behind = bytes.TrimPrefix(behind, []byte(","))
	}
	out.Write(behind)
	out.WriteByte('}')
	return nil
}

// check refuses what would make the whole document one that clients cannot read.
func (e *External) check() error {
	for what, all := range map[string]map[string]json.RawMessage{"path": e.Paths, "definition": e.Definitions, "parameter": e.Parameters} {
		for name, data := range all {
			if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
				return fmt.Errorf("reading %s %q: it is no object", what, name)
			}
		}
	}
	for name, data := range e.Definitions {
		var definition struct {
			Kinds []kindObject `json:"x-kubernetes-group-version-kind"`
		}
		if err := json.Unmarshal(data, &definition); err != nil {
			return fmt.Errorf("reading definition %q: %w", name, err)
		}
	}
	return nil
}

// names says what the definitions of another document are called here.
func (m *merger) names(definitions map[string]json.RawMessage) (map[string]string, error) {
	names := make(map[string]string, len(definitions))
	for name, theirs := range definitions {
		to := name
		for n := 2; ; n++ {
			ours := m.schema(to)
			_, another := definitions[to]
			if another = another && to != name; !another {
				if ours == nil {
					break
				}
				same, err := alike(ours, theirs)
				if err != nil {
					return nil, fmt.Errorf("reading %s: %w", name, err)
				}
				if same {
					break
				}
			}
			to = fmt.Sprintf("%s_v%d", name, n)
		}
		names[name] = to
	}
	return names, nil
}

// alike compares two definitions, but for what they are the schemas of: of a type that many groups share, each server
// names its own groups.
func alike(a, b []byte) (bool, error) {
	var left, right map[string]any
	if err := json.Unmarshal(a, &left); err != nil {
		return false, err
	}
	if err := json.Unmarshal(b, &right); err != nil {
		return false, err
	}
	delete(left, kindsField)
	delete(right, kindsField)
	return reflect.DeepEqual(left, right), nil
}

const kindsField = "x-kubernetes-group-version-kind"

// withKindsOf is ours as the schema of their kinds, too.
func withKindsOf(ours, theirs []byte) ([]byte, error) {
	var left, right map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(ours, &left), json.Unmarshal(theirs, &right)); err != nil {
		return nil, fmt.Errorf("merging kinds: %w", err)
	}
	if right[kindsField] == nil {
		return ours, nil
	}
	var kinds, more []kindObject
	if left[kindsField] != nil {
		if err := json.Unmarshal(left[kindsField], &kinds); err != nil {
			return nil, fmt.Errorf("merging kinds: %w", err)
		}
	}
	if err := json.Unmarshal(right[kindsField], &more); err != nil {
		return nil, fmt.Errorf("merging kinds: %w", err)
	}
	before := len(kinds)
	for _, kind := range more {
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) == before {
		return ours, nil
	}
	data, err := json.Marshal(kinds)
	if err != nil {
		return nil, err
	}
	left[kindsField] = data
	return json.Marshal(left)
}

// renamed has references follow the names, in JSON without white space.
func renamed(data []byte, names map[string]string) []byte {
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return data // never: it was decoded
	}
	mark := []byte(`"$ref":"` + refV2)
	out, rest := make([]byte, 0, compact.Len()), compact.Bytes()
	for {
		before, after, found := bytes.Cut(rest, mark)
		out = append(out, before...)
		if !found {
			return out
		}
		name, behind, _ := bytes.Cut(after, []byte(`"`))
		to, known := names[string(name)]
		if !known {
			to = string(name)
		}
		out = append(append(append(out, mark...), to...), '"')
		rest = behind
	}
}
