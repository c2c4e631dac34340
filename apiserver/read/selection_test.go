package read

import (
	"testing"

	"k8s.io/apimachinery/pkg/fields"
)

func TestASelectionByNameAloneIsOfThatName(t *testing.T) {
	for text, want := range map[string]bool{"": true, "metadata.name=one": true, "metadata.name!=one": false, "metadata.name=two": false, "status.phase=Running": false, "metadata.name=one,status.phase=Running": false} {
		s := &Selection{name: "one"}
		if text != "" {
			s.fields = fields.ParseSelectorOrDie(text)
		}
		if got := s.onlyName(); got != want {
			t.Errorf("%q is of the name alone: %t", text, got)
		}
	}
}
