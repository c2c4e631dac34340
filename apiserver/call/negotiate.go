package call

import (
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"

	"github.com/coxswain-k8s/coxswain/apiserver/answer"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// Negotiate chooses the media type of the answer.
func (c *Call) Negotiate() error {
	accepted, ok := c.Asked(c.R, c.allows)
	if !ok {
		if !c.At.Protobuf {
			return refusal.NotAcceptableText(c.Supported())
		}
		return refusal.NotAcceptable(c.Supported())
	}
	if answer.WantsPretty(c.R) {
		accepted.Pretty = true
	}
	c.Accept = accepted
	if accepted.As == "Table" {
		return c.readTableOptions()
	}
	return nil
}

// allows says which forms of an object this request can be answered with.
func (c *Call) allows(a codec.Accepted) bool {
	if a.Media == codec.Protobuf && a.As == "" && !c.At.Protobuf && c.Sub == nil {
		return false
	}
	if a.As != "" && c.At.Row.Virtual && c.Info.Verb == "create" {
		return false // reviews have no metadata worth showing
	}
	switch a.As {
	case "":
		return true
	case "Table":
		return a.AsGroup == metav1.GroupName && (a.AsVersion == "v1" || a.AsVersion == "v1beta1") && a.Media != codec.Protobuf && a.Media != codec.CBOR
	case "PartialObjectMetadata":
		return a.AsGroup == metav1.GroupName && a.AsVersion == "v1" && c.Info.Verb != "list"
	case "PartialObjectMetadataList":
		return a.AsGroup == metav1.GroupName && a.AsVersion == "v1" && c.Info.Verb == "list"
	}
	return false
}

// readTableOptions reads what of its objects a table is to carry.
func (c *Call) readTableOptions() error {
	if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_TableOptions(query, &c.Table, nil)
	}); err != nil {
		return err
	}
	if errs := validation.ValidateTableOptions(&c.Table); len(errs) > 0 {
		return apierrors.NewBadRequest("Unable to convert to Table as requested: " + errs.ToAggregate().Error())
	}
	return nil
}
