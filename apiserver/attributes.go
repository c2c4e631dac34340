package apiserver

import (
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// addSelectors tells the authorizer by what a list, a watch or a deletion of a collection is narrowed.
func addSelectors(a *authorizer.AttributesRecord, info *request.Info) {
	if info.FieldText != "" {
		selector, err := fields.ParseSelector(info.FieldText)
		a.FieldSelectorParsingErr = err
		if err == nil {
			a.FieldSelectorRequirements = selector.Requirements()
		}
	}
	if info.LabelText != "" {
		selector, err := labels.Parse(info.LabelText)
		a.LabelSelectorParsingErr = err
		if err == nil {
			a.LabelSelectorRequirements, _ = selector.Requirements()
		}
	}
}
