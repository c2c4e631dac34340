package merge

import (
	"encoding/base64"
	"encoding/json"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// assign sets a leaf to what a configuration says, and returns whether JSON has it otherwise now. Values are compared as they are
// spelled: a quantity of 1000m is not one of 1.
func (p *Plan) assign(into reflect.Value, there bool, wanted any) (changed bool, err error) {
	if p.untyped != nil {
		return p.assignUntyped(into, there, wanted)
	}
	old := content(into)
	if p.loose {
		return false, ErrNoPlan
	}
	if wanted == nil {
		changed = !there || !isNull(old)
		into.SetZero()
		return changed, nil
	}
	t := into.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	fresh := reflect.New(t).Elem()
	equal, err := p.read(fresh, old, wanted)
	if err != nil {
		return false, err
	}
	if into.Kind() == reflect.Pointer {
		into.Set(fresh.Addr())
	} else {
		into.Set(fresh)
	}
	return !there || !equal, nil
}

// isNull says whether JSON spells a value as null, which it does of times that are none.
func isNull(v reflect.Value) bool {
	if !v.IsValid() {
		return true
	}
	switch v.Type() {
	case timeType:
		return boxed(v).Interface().(*metav1.Time).IsZero()
	case microTimeType:
		return boxed(v).Interface().(*metav1.MicroTime).IsZero()
	}
	return false
}

// read sets a fresh value to what is wanted, and returns whether the old one is spelled alike.
func (p *Plan) read(fresh, old reflect.Value, wanted any) (equal bool, err error) {
	switch fresh.Type() {
	case quantityType, timeType, microTimeType, durationType, intOrStringType:
		return readAny(fresh, old, wanted)
	}
	switch fresh.Kind() {
	case reflect.String:
		text, ok := wanted.(string)
		if !ok {
			return false, ErrNoPlan
		}
		fresh.SetString(text)
		return old.IsValid() && old.String() == text, nil
	case reflect.Bool:
		yes, ok := wanted.(bool)
		if !ok {
			return false, ErrNoPlan
		}
		fresh.SetBool(yes)
		return old.IsValid() && old.Bool() == yes, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		number, ok := wanted.(int64)
		if !ok || fresh.OverflowInt(number) {
			return false, ErrNoPlan
		}
		fresh.SetInt(number)
		return old.IsValid() && old.Int() == number, nil
	case reflect.Slice:
		if fresh.Type().Elem().Kind() == reflect.Uint8 {
			return readBytes(fresh, old, wanted)
		}
	case reflect.Struct, reflect.Map:
	default:
		return false, ErrNoPlan
	}
	if p.nested && (p.inner == nil || !p.inner.fits(reflect.ValueOf(wanted), true)) {
		return false, ErrNoPlan // something may be there twice, which is an error
	}
	return readAny(fresh, old, wanted)
}

func readBytes(fresh, old reflect.Value, wanted any) (equal bool, err error) {
	text, ok := wanted.(string)
	if !ok {
		return false, ErrNoPlan
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return false, ErrNoPlan
	}
	fresh.SetBytes(data)
	return old.IsValid() && base64.StdEncoding.EncodeToString(old.Bytes()) == text, nil
}

// readAny reads what is owned as a whole by way of JSON.
func readAny(fresh, old reflect.Value, wanted any) (equal bool, err error) {
	if !isWhole(wanted) {
		return false, ErrNoPlan
	}
	data, err := json.Marshal(wanted)
	if err != nil {
		return false, ErrNoPlan
	}
	faults, err := kjson.UnmarshalStrict(data, fresh.Addr().Interface())
	if err != nil || len(faults) > 0 {
		return false, ErrNoPlan
	}
	if !old.IsValid() {
		return false, nil
	}
	before, err := value.NewValueReflect(boxed(old).Interface())
	if err != nil {
		return false, ErrNoPlan
	}
	return value.Equals(before, value.NewValueInterface(wanted)), nil
}

// isWhole says whether there is neither a null nor a fraction in what is wanted.
func isWhole(wanted any) bool {
	switch v := wanted.(type) {
	case string, bool, int64:
		return true
	case []any:
		for i := range v {
			if !isWhole(v[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		for _, each := range v {
			if !isWhole(each) {
				return false
			}
		}
		return true
	}
	return false
}
