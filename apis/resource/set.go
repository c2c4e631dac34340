package resource

// SetPtr sets an optional field that is not set.
func SetPtr[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

// SetZero sets a field that has its zero value.
func SetZero[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}
