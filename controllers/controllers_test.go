package controllers

import (
	"slices"
	"testing"
)

func TestNamesAreUnique(t *testing.T) {
	names := Names()
	slices.Sort(names)
	if unique := slices.Compact(slices.Clone(names)); len(unique) != len(names) {
		t.Errorf("two controllers share a name: %v", names)
	}
}
