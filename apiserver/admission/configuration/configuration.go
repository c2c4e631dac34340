package configuration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// group of the configurations of the server itself.
const group = "apiserver.config.k8s.io"

// File is what an AdmissionConfiguration says.
type File struct {
	dir     string
	plugins map[string][]byte
}

// document is an AdmissionConfiguration as it is written.
type document struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Plugins    []struct {
		Name          string          `json:"name"`
		Path          string          `json:"path"`
		Configuration json.RawMessage `json:"configuration"`
	} `json:"plugins"`
}

// Read reads the file at a path; "" is one that says nothing.
func Read(path string) (*File, error) {
	f := &File{dir: filepath.Dir(path), plugins: map[string][]byte{}}
	if path == "" {
		return f, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of admission: %w", err)
	}
	d := document{}
	if err := yaml.UnmarshalStrict(data, &d); err != nil {
		return nil, fmt.Errorf("reading the configuration of admission in %s: %w", path, err)
	}
	if d.Kind != "AdmissionConfiguration" || d.APIVersion != group+"/v1" && d.APIVersion != group+"/v1alpha1" {
		return nil, fmt.Errorf("%s has no AdmissionConfiguration of %s/v1, but kind %q of version %q", path, group, d.Kind, d.APIVersion)
	}
	for _, plugin := range d.Plugins {
		if _, twice := f.plugins[plugin.Name]; twice {
			return nil, fmt.Errorf("%s configures the plugin %q twice", path, plugin.Name)
		}
		content := []byte(plugin.Configuration)
		if plugin.Path != "" {
			if content, err = os.ReadFile(f.Path(plugin.Path)); err != nil {
				return nil, fmt.Errorf("reading the configuration of the plugin %s: %w", plugin.Name, err)
			}
		}
		if string(content) == "null" {
			content = nil
		}
		f.plugins[plugin.Name] = content
	}
	return f, nil
}

// Names of the plugins that are configured.
func (f *File) Names() []string {
	var names []string
	for name := range f.plugins {
		names = append(names, name)
	}
	return names
}

// Path of a file that is named in the configuration: relative to where that is.
func (f *File) Path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(f.dir, name)
}

// Type of a configuration: its kind, and the versions in which it may be written.
type Type struct {
	Kind     string
	Versions []string
}

// Decode reads the configuration of a plugin into a struct with JSON names, and says whether there is any. A type without a kind has
// neither kind nor version.
func (f *File) Decode(plugin string, of Type, into any) (bool, error) {
	if f == nil || len(f.plugins[plugin]) == 0 {
		return false, nil
	}
	fields := map[string]json.RawMessage{}
	if err := yaml.Unmarshal(f.plugins[plugin], &fields); err != nil {
		return false, fmt.Errorf("reading the configuration of the plugin %s: %w", plugin, err)
	}
	if of.Kind != "" {
		if err := of.check(fields); err != nil {
			return false, fmt.Errorf("reading the configuration of the plugin %s: %w", plugin, err)
		}
		delete(fields, "kind")
		delete(fields, "apiVersion")
	}
	rest, err := json.Marshal(fields)
	if err == nil {
		err = yaml.UnmarshalStrict(rest, into)
	}
	if err != nil {
		return false, fmt.Errorf("reading the configuration of the plugin %s: %w", plugin, err)
	}
	return true, nil
}

func (t Type) check(fields map[string]json.RawMessage) error {
	var kind, version string
	_ = json.Unmarshal(fields["kind"], &kind) // what is no string is no kind
	_ = json.Unmarshal(fields["apiVersion"], &version)
	if kind == t.Kind {
		for _, known := range t.Versions {
			if version == known {
				return nil
			}
		}
	}
	return fmt.Errorf("it is kind %q of version %q, and not %s of %v", kind, version, t.Kind, t.Versions)
}
