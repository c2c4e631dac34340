package write

import (
	"context"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// Update replaces an object, or creates it where the row allows that.
func (c Verbs) Update() error {
	options, err := c.UpdateOptions()
	if err != nil {
		return err
	}
	sent := c.At.Version.New()
	body, err := c.Body(sent, options)
	if err != nil {
		return err
	}
	obj, err := c.replacement(body, sent, options)
	if err != nil {
		return err
	}
	ch := Change{Name: c.Info.Name, Options: options}
	tried := false
	ch.Apply = func(context.Context, Current) (resource.Object, error) {
		if tried { // and the object changed meanwhile
			options.Validation = metav1.FieldValidationIgnore // of which the client has been told
			return c.replacement(body, c.At.Version.New(), options)
		}
		tried = true
		return obj, nil
	}
	if c.At.Row.AllowCreateOnUpdate && c.Sub == nil {
		ch.create = func(ctx context.Context) (resource.Object, error) {
			if uid := obj.GetUID(); uid != "" {
				return nil, c.otherUID(uid, "", options)
			}
			if err := c.mayCreate(); err != nil {
				return nil, err
			}
			return c.createObject(ctx, obj, options)
		}
	}
	return c.finish(ch)
}

// replacement is the object that was sent, decoded into an empty one, in the storage version and with defaults.
func (c Verbs) replacement(body codec.Body, sent resource.Object, options call.WriteOptions) (resource.Object, error) {
	if err := c.DecodeSent(body, sent, options); err != nil {
		return nil, err
	}
	if err := c.FitName(sent); err != nil {
		return nil, err
	}
	c.nameOwnersOnce(sent, "")
	return c.At.Stored(sent)
}

// finish carries a change out and answers with the object.
func (c Verbs) finish(ch Change) error {
	obj, created, err := c.Do(c.Context(), ch)
	if err != nil {
		return err
	}
	code := http.StatusOK
	if created {
		code = http.StatusCreated
	}
	return c.WriteStored(code, obj)
}
