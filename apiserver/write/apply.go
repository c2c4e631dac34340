package write

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// apply merges an applied configuration, or creates the object from it.
func (c Verbs) apply(body []byte, options call.WriteOptions) error {
	fields := c.Fields()
	if fields == nil {
		return refusal.UnsupportedMedia([]string{string(types.JSONPatchType), string(types.MergePatchType), string(types.StrategicMergePatchType)})
	}
	parsed := fieldmanager.Parse(body)
	merged := func(live resource.Object) (resource.Object, error) {
		shown, err := c.At.Versioned(live)
		if err != nil {
			return nil, err
		}
		result, err := fields.Apply(c.At.Row, c.At.GVK, shown, fieldmanager.Configuration{
			Data: body, Parsed: parsed, Manager: options.Manager, Force: options.Force, Subresource: c.Info.Subresource})
		if err != nil {
			return nil, err
		}
		if err := c.judgeConfiguration(body, parsed.Plain, options); err != nil {
			return nil, err
		}
		result.GetObjectKind().SetGroupVersionKind(c.At.GVK)
		if err := c.FitName(result); err != nil {
			return nil, err
		}
		return c.At.Stored(result)
	}
	ch := Change{
		Name: c.Info.Name, Options: options, patched: true, Managed: true,
		Apply: func(_ context.Context, now Current) (resource.Object, error) { return merged(now.Object) },
	}
	if c.Sub == nil {
		ch.create = func(ctx context.Context) (resource.Object, error) { return c.createApplied(ctx, merged, options) }
	}
	return c.finish(ch)
}

// createApplied makes a new object out of an applied configuration.
func (c Verbs) createApplied(ctx context.Context, merged func(resource.Object) (resource.Object, error), options call.WriteOptions) (resource.Object, error) {
	if err := c.mayCreate(); err != nil {
		return nil, err
	}
	empty := c.At.Storage.New()
	empty.GetObjectKind().SetGroupVersionKind(c.At.Kind.StoredAs)
	empty.SetNamespace(c.Info.Namespace)
	obj, err := merged(empty)
	if err != nil {
		return nil, err
	}
	if obj.GetUID() != "" {
		return nil, refusal.Conflict(c.GroupResource(), c.Info.Name, fmt.Errorf("uid mismatch: the provided object specified uid %s, and no existing object was found", obj.GetUID()))
	}
	options.Managed = true
	return c.createObject(ctx, obj, options)
}

// judgeConfiguration looks for duplicate keys in an applied configuration. Unknown fields are errors whatever the options say: the merge
// itself refuses them.
func (c Verbs) judgeConfiguration(body []byte, plain bool, options call.WriteOptions) error {
	if !options.LooksForFaults() || plain {
		return nil
	}
	err := yaml.UnmarshalStrict(body, &map[string]any{})
	if err == nil {
		return nil
	}
	if options.Validation == metav1.FieldValidationStrict {
		return apierrors.NewBadRequest(fmt.Sprintf("error strict decoding YAML: %v", err))
	}
	for line := range strings.Lines(err.Error()) {
		if fault, found := strings.CutPrefix(line, "  "); found {
			warning.Add(c.Context(), strings.TrimSuffix(fault, "\n"))
		}
	}
	return nil
}
