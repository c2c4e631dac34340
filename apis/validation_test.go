package apis

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// cause is one thing that is wrong, as the Status that a client gets tells it.
type cause struct {
	Type    string `json:"type"`
	Field   string `json:"field"`
	Message string `json:"message"`
}

// TestInvalid compares what is said to be wrong with a new object with what upstream said.
func TestInvalid(t *testing.T) {
	rows := All()
	golden(t, "invalid", func(t *testing.T, in []byte) []byte {
		obj, v, r := decode(t, rows, in)
		stored := create(t, obj, v, r)
		errs := apivalidation.ValidateObjectMetaAccessor(stored, r.Namespaced, nameCheck(r), field.NewPath("metadata"))
		if r.Validate != nil {
			errs = append(errs, inOneOrder(t, func() field.ErrorList { return r.Validate(context.Background(), stored) })...)
		}
		return causes(t, errs)
	})
}

// TestUpdate compares what is said to be wrong with a changed object.
func TestUpdate(t *testing.T) {
	rows := All()
	golden(t, "update", func(t *testing.T, in []byte) []byte {
		var input struct {
			Subresource string
			Old, New    json.RawMessage
		}
		if err := yaml.Unmarshal(in, &input); err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		old, v, r := decode(t, rows, input.Old)
		old = create(t, old, v, r)
		obj, _, _ := decode(t, rows, input.New)
		if v.Default != nil {
			v.Default(obj)
		}
		if v.ToStorage != nil {
			var err error
			if obj, err = v.ToStorage(obj); err != nil {
				t.Fatal(err)
			}
		}
		prepare, validate := r.PrepareUpdate, r.ValidateUpdate
		if input.Subresource != "" {
			s := r.Subresource(input.Subresource)
			prepare, validate = s.PrepareUpdate, s.ValidateUpdate
		}
		obj.SetUID(uid)
		if prepare != nil {
			prepare(ctx, obj, old)
		}
		var errs field.ErrorList
		if validate != nil {
			errs = inOneOrder(t, func() field.ErrorList { return validate(ctx, obj, old) })
		}
		return causes(t, errs)
	})
}

func nameCheck(r *resource.Resource) apivalidation.ValidateNameFunc {
	if r.ValidateName != nil {
		return r.ValidateName
	}
	return apivalidation.NameIsDNSSubdomain
}

func causes(t *testing.T, errs field.ErrorList) []byte {
	t.Helper()
	list := make([]cause, 0, len(errs))
	for _, err := range errs {
		list = append(list, cause{Type: string(err.Type), Field: err.Field, Message: firstLine(err.ErrorBody())})
	}
	slices.SortFunc(list, func(a, b cause) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Message, b.Message))
	})
	out, err := yaml.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// inOneOrder tells what is wrong, and fails when it is told in another order the next time: clients would see the message change.
func inOneOrder(t *testing.T, validate func() field.ErrorList) field.ErrorList {
	t.Helper()
	first := validate()
	for range 10 {
		if again := validate(); fmt.Sprint(first) != fmt.Sprint(again) {
			t.Errorf("the order depends on chance:\n%v\n%v", first, again)
			break
		}
	}
	return first
}

// firstLine leaves out the differences that are shown below some messages: they name fields otherwise.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// TestWarnings compares what is said about a new object that is valid; upstream's order depends on chance.
func TestWarnings(t *testing.T) {
	rows := All()
	golden(t, "warning", func(t *testing.T, in []byte) []byte {
		obj, v, r := decode(t, rows, in)
		stored := create(t, obj, v, r)
		if r.Validate != nil {
			if errs := r.Validate(context.Background(), stored); len(errs) > 0 {
				t.Errorf("invalid: %v", errs.ToAggregate())
			}
		}
		warnings := []string{}
		if v.Deprecated != "" {
			warnings = append(warnings, v.Deprecated)
		}
		if r.Warnings != nil {
			warnings = append(warnings, r.Warnings(context.Background(), stored, nil)...)
		}
		slices.Sort(warnings)
		out, err := yaml.Marshal(warnings)
		if err != nil {
			t.Fatal(err)
		}
		return out
	})
}
