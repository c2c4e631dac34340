package call

import (
	"net/url"
	"strings"

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
		return c.notAcceptable()
	}
	if answer.WantsPretty(c.R) {
		accepted.Pretty = true
	}
	c.Accept = accepted
	switch accepted.As {
	case "Table":
		return c.readTableOptions()
	case "PartialObjectMetadata":
		if c.Info.Verb == "list" || c.Info.Verb == "deletecollection" {
			return refusal.NotAcceptableText("you requested PartialObjectMetadata, but the requested object is a list (" + c.shownType() + "List)")
		}
	case "PartialObjectMetadataList":
		if c.Info.Verb != "list" && c.Info.Verb != "deletecollection" && c.Info.Verb != "watch" { // which shows objects in any case
			return refusal.NotAcceptableText("you requested PartialObjectMetadataList, but the requested object is not a list (" + c.shownType() + ")")
		}
	}
	return nil
}

// notAcceptable refuses a media type that is none of an object's, or a form in which this object is not shown.
func (c *Call) notAcceptable() error {
	known := c.Supported()
	if _, ok := c.Asked(c.R, func(codec.Accepted) bool { return true }); ok || !c.At.Protobuf {
		return refusal.NotAcceptableText("only the following media types are accepted: " + strings.Join(known, ", "))
	}
	if c.Info.Verb == "list" || c.Info.Verb == "watch" {
		known = append(known, c.Streamed()...)
	}
	return refusal.NotAcceptable(known)
}

// shownType is what upstream calls the type of an object in its programs, which it tells clients.
func (c *Call) shownType() string {
	if c.At.Custom != nil {
		return "*unstructured.Unstructured"
	}
	home, _, _ := strings.Cut(c.At.GVK.Group, ".")
	if home == "" || home == "events" {
		home = "core"
	}
	return "*" + home + "." + c.At.GVK.Kind
}

// allows says which forms of an object this request can be answered with.
func (c *Call) allows(a codec.Accepted) bool {
	if a.Media == codec.Protobuf && a.As == "" && !c.At.Protobuf && c.Sub == nil {
		return false
	}
	if a.As != "" && c.Info.Verb == "create" && (c.At.Row.Virtual || c.Info.Subresource == "token") {
		return false // reviews and tokens have no metadata worth showing
	}
	if a.Stream != "" && a.Stream != "watch" {
		return false
	}
	return a.As == "" || a.InMeta()
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
