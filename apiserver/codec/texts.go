package codec

import (
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// OnlyTexts says whether a document has nothing for its part of an object but texts, for members that are texts or maps of texts, as
// labels are, or null. How it is merged with the object needs no JSON then, whatever the kind of the merge.
func (p Part) OnlyTexts(obj runtime.Object, document map[string]any) bool {
	return p.onlyTexts(structOf(obj).Type(), document)
}

func (p Part) onlyTexts(t reflect.Type, document map[string]any) bool {
	members, _ := membersOf(t)
	for name, below := range p {
		f := t.Field(members.index[name]).Type
		inner, isObject := document[name].(map[string]any)
		switch {
		case below != nil:
			if !below.onlyTexts(f, inner) {
				return false
			}
		case f == reflect.TypeFor[map[string]string]():
			if document[name] != nil && (!isObject || !areTexts(inner)) {
				return false
			}
		case f.Kind() != reflect.String || encodesItself(f) || !isText(document[name]):
			return false
		}
	}
	return true
}

func areTexts(document map[string]any) bool {
	for name, value := range document {
		if strings.HasPrefix(name, "$") || !isText(value) { // a directive of a strategic merge
			return false
		}
	}
	return true
}

func isText(value any) bool {
	_, ok := value.(string)
	return ok || value == nil
}

// MergeTexts merges a document that has only texts into an object. Null removes.
func (p Part) MergeTexts(obj runtime.Object, document map[string]any) {
	p.mergeTexts(structOf(obj), document)
}

func (p Part) mergeTexts(to reflect.Value, document map[string]any) {
	members, _ := membersOf(to.Type())
	for name, below := range p {
		f := to.Field(members.index[name])
		switch value := document[name].(type) {
		case nil:
			f.SetZero()
		case string:
			f.SetString(value)
		case map[string]any:
			if below != nil {
				below.mergeTexts(f, value)
				continue
			}
			f.Set(reflect.ValueOf(mergedTexts(f.Interface().(map[string]string), value)))
		}
	}
}

// mergedTexts changes a map, or makes one.
func mergedTexts(now map[string]string, document map[string]any) map[string]string {
	if now == nil {
		now = make(map[string]string, len(document))
	}
	for name, value := range document {
		if text, ok := value.(string); ok {
			now[name] = text
		} else {
			delete(now, name)
		}
	}
	return now
}
