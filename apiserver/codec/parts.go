package codec

import (
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Divide gives those members of an object of a Go type that are named to part, and all others to rest, both empty objects of the
// same type. They share them with whole. The type goes to part. It returns how many of the names are members, and false when
// the object is none that can be divided.
func Divide(whole, part, rest runtime.Object, named func(member string) bool) (found int, ok bool) {
	from, to, others := structOf(whole), structOf(part), structOf(rest)
	if from.Kind() != reflect.Struct || from.Type() != to.Type() || from.Type() != others.Type() {
		return 0, false
	}
	for i := range from.NumField() {
		switch name, member := memberName(from.Type().Field(i)); {
		case !member && from.Type().Field(i).Type != reflect.TypeFor[metav1.TypeMeta]():
			return 0, false
		case !member:
			to.Field(i).Set(from.Field(i))
		case named(name):
			to.Field(i).Set(from.Field(i))
			found++
		default:
			others.Field(i).Set(from.Field(i))
		}
	}
	return found, true
}

// Join gives an object those members of another one that are not named, the other way round.
func Join(part, rest runtime.Object, named func(member string) bool) {
	to, others := structOf(part), structOf(rest)
	for i := range to.NumField() {
		if name, member := memberName(to.Type().Field(i)); member && !named(name) {
			to.Field(i).Set(others.Field(i))
		}
	}
}

func structOf(obj runtime.Object) reflect.Value { return reflect.Indirect(reflect.ValueOf(obj)) }

// memberName of a field in JSON; false for one whose own fields are members.
func memberName(f reflect.StructField) (string, bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, name != "" && name != "-" && !strings.Contains(options, "inline")
}
