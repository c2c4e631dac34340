package flowcontrol

import (
	"cmp"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func flowSchemas() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:    flowcontrolv1.GroupName,
		Name:     "flowschemas",
		Singular: "flowschema",
		Kind:     "FlowSchema",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[flowcontrolv1.FlowSchema],
			NewList: resource.NewList[flowcontrolv1.FlowSchemaList],
			Default: resource.Defaulter(defaultFlowSchema),
		}},
		Columns:                  resource.Columns("Name:name", "PriorityLevel", "MatchingPrecedence", "DistinguisherMethod", "Age", "MissingPL"),
		Cells:                    resource.Row(flowSchemaCells),
		RowOrder:                 byPrecedence,
		Validate:                 resource.Check(validateFlowSchema),
		ValidateUpdate:           resource.CheckUpdate(validateFlowSchemaUpdate),
		StoragePrefix:            "flowschemas",
		AllowUnconditionalUpdate: true,
	}, func(f *flowcontrolv1.FlowSchema) (*flowcontrolv1.FlowSchemaSpec, *flowcontrolv1.FlowSchemaStatus) {
		return &f.Spec, &f.Status
	}, resource.KeepMeta(resource.AllMeta), resource.CheckStatus(validateFlowSchemaStatus))
}

// The precedence of a flow schema that names none: behind those that do.
const defaultPrecedence = 1000

func defaultFlowSchema(f *flowcontrolv1.FlowSchema) {
	if f.Spec.MatchingPrecedence == 0 {
		f.Spec.MatchingPrecedence = defaultPrecedence
	}
}

// byPrecedence is the order in which flow schemas are looked at.
func byPrecedence(a, b resource.Object) int {
	precedence := func(of resource.Object) int32 {
		if schema, ok := of.(*flowcontrolv1.FlowSchema); ok {
			return schema.Spec.MatchingPrecedence
		}
		return 0
	}
	return cmp.Or(cmp.Compare(precedence(a), precedence(b)), cmp.Compare(a.GetName(), b.GetName()))
}

func flowSchemaCells(f *flowcontrolv1.FlowSchema, now time.Time) []any {
	method := resource.None
	if f.Spec.DistinguisherMethod != nil {
		method = string(f.Spec.DistinguisherMethod.Type)
	}
	dangling := "?"
	for _, c := range f.Status.Conditions {
		if c.Type == flowcontrolv1.FlowSchemaConditionDangling {
			dangling = string(c.Status)
		}
	}
	return []any{f.Name, f.Spec.PriorityLevelConfiguration.Name, int64(f.Spec.MatchingPrecedence), method, resource.AgeOf(f, now), dangling}
}
