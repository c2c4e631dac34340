package storagemigration

import (
	"strings"
	"testing"
	"time"

	migrationv1beta1 "k8s.io/api/storagemigration/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The wanted answers are those of a kube-apiserver v1.36.3 with the feature and the API switched on.

func TestWhatCannotBeMigrated(t *testing.T) {
	for _, c := range []struct{ group, resource, want string }{
		{"", "secrets", ""},
		{"example.com", "boats", ""},
		{"", "", "spec.resource.resource: Required value: resource is required to be set"},
		{"Bad_G", "", `spec.resource.resource: Required value: resource is required to be set; spec.resource.group: Invalid value: "Bad_G": a lowercase RFC 1123`},
		{"", "Aa.bb", `spec.resource.resource: Invalid value: "Aa.bb": a DNS-1035 label must consist`},
	} {
		m := &migration{Spec: migrationv1beta1.StorageVersionMigrationSpec{Resource: metav1.GroupResource{Group: c.group, Resource: c.resource}}}
		says(t, validate(m), c.want)
	}
}

func TestWhatIsMigratedStays(t *testing.T) {
	of := func(name string) *migration {
		return &migration{Spec: migrationv1beta1.StorageVersionMigrationSpec{Resource: metav1.GroupResource{Resource: name}}}
	}
	const immutable = `spec: Invalid value: {"Resource":{"group":"","resource":`
	says(t, validateUpdate(of("pods"), of("pods")), "")
	says(t, validateUpdate(of("pods"), of("secrets")), immutable+`"pods"}}: field is immutable`)
	says(t, validateUpdate(of("Pods"), of("pods")), `spec.resource.resource: Invalid value: "Pods"; `+immutable+`"Pods"}}: field is immutable`)
}

func TestStatusOfAMigration(t *testing.T) {
	const duplicate = `status.conditions[1].type: Duplicate value: "Failed"; `
	for _, c := range []struct{ old, now, cell, want string }{
		{"", "", "Unknown", ""},
		{"", "Running", "Running", ""},
		{"Running", "!Running", "Unknown", ""},
		{"Running", "Running Succeeded", "Succeeded", ""},
		{"", "Failed Running", "Failed", ""},
		{"", "Succeeded Failed", "Failed", "Both success and failed conditions cannot be true at the same time"},
		{"Succeeded", "!Succeeded", "Unknown", "Success condition cannot be set to false once it is true"},
		{"Succeeded", "!Succeeded Failed", "Failed", "Success condition cannot be set to false once it is true"},
		{"Succeeded", "Succeeded Failed", "Failed", "Both success and failed conditions cannot be true at the same time"},
		{"Failed", "", "Unknown", "Failed condition cannot be set to false once it is true"},
		{"Failed", "Failed !Failed Succeeded", "Failed", duplicate + "Both success and failed conditions cannot be true at the same time"},
		{"Failed", "!Failed Failed Succeeded", "Succeeded", duplicate + "Failed condition cannot be set to false once it is true"},
		{"", "Running ?Failed", "Running", `status.conditions[1].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"`},
	} {
		m, old := &migration{}, &migration{}
		m.Status.Conditions, old.Status.Conditions = conditions(c.now), conditions(c.old)
		says(t, validateStatus(m, old), c.want)
		if got := cells(m, time.Time{})[2]; got != c.cell {
			t.Errorf("%s is shown as %v, want %s", c.now, got, c.cell)
		}
	}
}

func TestRevisionOfAMigration(t *testing.T) {
	const bad = "resource version is not well formed: "
	for _, c := range []struct{ old, now, want string }{
		{"", "12", ""}, {"12", "12", ""}, {"", "", ""},
		{"", strings.Repeat("9", 200), ""},
		{"", "0", bad + "0"}, {"", "007", bad + "007"}, {"", "+1", bad + "+1"}, {"", "-1", bad + "-1"}, {"", "abc", bad + "abc"},
		{"12", "13", "field is immutable"}, {"12", "", "field is immutable"}, {"12", "x", "field is immutable"},
	} {
		m, old := &migration{}, &migration{}
		m.Status.ResourceVersion, old.Status.ResourceVersion = c.now, c.old
		says(t, validateStatus(m, old), c.want)
	}
}

// conditions are true, false with an exclamation mark, and neither with a question mark.
func conditions(text string) (all []metav1.Condition) {
	for _, word := range strings.Fields(text) {
		condition := metav1.Condition{Type: strings.Trim(word, "!?"), Status: metav1.ConditionTrue, Reason: "R", LastTransitionTime: metav1.Unix(1, 0)}
		switch word[0] {
		case '!':
			condition.Status = metav1.ConditionFalse
		case '?':
			condition.Status = "Maybe"
		}
		all = append(all, condition)
	}
	return all
}

// says compares errors, each by a part of it.
func says(t *testing.T, errs field.ErrorList, want string) {
	t.Helper()
	var wanted []string
	if want != "" {
		wanted = strings.Split(want, "; ")
	}
	if len(wanted) != len(errs) {
		t.Errorf("want %q: %v", want, errs)
		return
	}
	for i, err := range errs {
		if !strings.Contains(err.Error(), wanted[i]) {
			t.Errorf("want %q: %v", wanted[i], err)
		}
	}
}
