package extensions

import (
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/sets"
)

// taken are the names that other definitions of a group have been given.
type taken struct {
	resources sets.Set[string] // plural, singular and short names
	kinds     sets.Set[string]
}

// take notes the names of a definition.
func (t *taken) take(names *apiextensionsv1.CustomResourceDefinitionNames) {
	t.resources.Insert(names.Plural, names.Singular)
	t.resources.Insert(names.ShortNames...)
	t.kinds.Insert(names.Kind, names.ListKind)
}

// settle says which of the wanted names a definition gets, given those that it has and those of others: a name that another has is
// not given, and the condition tells the last of them.
func settle(wanted, has apiextensionsv1.CustomResourceDefinitionNames, others *taken) (apiextensionsv1.CustomResourceDefinitionNames, apiextensionsv1.CustomResourceDefinitionCondition) {
	given, verdict := has, condition(apiextensionsv1.NamesAccepted, true, "NoConflicts", "no conflicts found")
	refuse := func(reason, message string) {
		verdict = condition(apiextensionsv1.NamesAccepted, false, reason, message)
	}
	one := func(name, now string, of sets.Set[string], reason string, give *string) {
		if name != now && of.Has(name) {
			refuse(reason, fmt.Sprintf("%q is already in use", name))
			return
		}
		*give = name
	}
	one(wanted.Plural, has.Plural, others.resources, "PluralConflict", &given.Plural)
	one(wanted.Singular, has.Singular, others.resources, "SingularConflict", &given.Singular)
	var conflicts []error
	known := sets.New(has.ShortNames...)
	for _, name := range wanted.ShortNames {
		if !known.Has(name) && others.resources.Has(name) {
			conflicts = append(conflicts, fmt.Errorf("%q is already in use", name))
		}
	}
	if len(conflicts) > 0 {
		refuse("ShortNamesConflict", utilerrors.NewAggregate(conflicts).Error())
	} else {
		given.ShortNames = wanted.ShortNames
	}
	one(wanted.Kind, has.Kind, others.kinds, "KindConflict", &given.Kind)
	one(wanted.ListKind, has.ListKind, others.kinds, "ListKindConflict", &given.ListKind)
	given.Categories = wanted.Categories
	return given, verdict
}
