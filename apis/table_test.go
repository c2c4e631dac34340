package apis

import (
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// TestTable compares the row that an object has in a table, at a given time, with what upstream showed.
func TestTable(t *testing.T) {
	rows := All()
	golden(t, "table", func(t *testing.T, in []byte) []byte {
		var input struct {
			Now    metav1.Time
			Object json.RawMessage
		}
		if err := yaml.Unmarshal(in, &input); err != nil {
			t.Fatal(err)
		}
		obj, v, r := decode(t, rows, input.Object)
		if v.Default != nil {
			v.Default(obj)
		}
		if v.ToStorage != nil {
			var err error
			if obj, err = v.ToStorage(obj); err != nil {
				t.Fatal(err)
			}
		}
		out, err := yaml.Marshal(tableOf(r, obj, input.Now.Time))
		if err != nil {
			t.Fatal(err)
		}
		return out
	})
}

func tableOf(r *resource.Resource, obj resource.Object, now time.Time) map[string]any {
	columns, cells := r.Columns, r.Cells
	if columns == nil { // the server has some for those that have none
		columns = resource.Columns("Name:name", "Created At:date")
		cells = func(obj resource.Object, _ time.Time) []any {
			return []any{obj.GetName(), obj.GetCreationTimestamp().UTC().Format(time.RFC3339)}
		}
	}
	shown := make([]map[string]any, 0, len(columns))
	for _, c := range columns {
		shown = append(shown, map[string]any{"name": c.Name, "type": c.Type, "format": c.Format, "priority": c.Priority})
	}
	out := map[string]any{"columns": shown, "cells": cells(obj, now)}
	if r.RowConditions != nil {
		if conditions := r.RowConditions(obj); conditions != nil {
			out["conditions"] = conditions
		}
	}
	return out
}
