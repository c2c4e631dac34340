package request

import "context"

type infoKey struct{}

// With returns a context that says what is asked for. In one that says so already, the request is a nested one.
func With(ctx context.Context, info *Info) context.Context {
	info.Nested = ctx.Value(infoKey{}) != nil
	return context.WithValue(ctx, infoKey{}, info)
}

// From returns what With put there, or an Info that asks for nothing.
func From(ctx context.Context) *Info {
	info, _ := ctx.Value(infoKey{}).(*Info)
	if info == nil {
		return &Info{}
	}
	return info
}
