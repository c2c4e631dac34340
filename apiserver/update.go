package apiserver

import (
	"context"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// update replaces an object, or creates it where the row allows that.
func (c *call) update() error {
	options, err := c.updateOptions()
	if err != nil {
		return err
	}
	sent := c.at.version.New()
	body, err := c.body(sent, options)
	if err != nil {
		return err
	}
	obj, err := c.replacement(body, sent, options)
	if err != nil {
		return err
	}
	ch := change{name: c.info.Name, options: options}
	tried := false
	ch.apply = func(context.Context, current) (resource.Object, error) {
		if tried { // and the object changed meanwhile
			options.validation = metav1.FieldValidationIgnore // of which the client has been told
			return c.replacement(body, c.at.version.New(), options)
		}
		tried = true
		return obj, nil
	}
	if c.at.row.AllowCreateOnUpdate && c.sub == nil && obj.GetResourceVersion() == "" && obj.GetUID() == "" {
		ch.create = func(ctx context.Context) (resource.Object, error) {
			if err := c.mayCreate(); err != nil {
				return nil, err
			}
			return c.createObject(ctx, obj, options)
		}
	}
	return c.finish(ch)
}

// replacement is the object that was sent, decoded into an empty one, in the storage version and with defaults.
func (c *call) replacement(body codec.Body, sent resource.Object, options writeOptions) (resource.Object, error) {
	if err := c.decodeSent(body, sent, options); err != nil {
		return nil, err
	}
	if err := c.fitName(sent); err != nil {
		return nil, err
	}
	c.nameOwnersOnce(sent, "")
	return c.at.stored(sent)
}

// finish carries a change out and answers with the object.
func (c *call) finish(ch change) error {
	obj, created, err := c.do(c.ctx(), ch)
	if err != nil {
		return err
	}
	code := http.StatusOK
	if created {
		code = http.StatusCreated
	}
	return c.writeStored(code, obj)
}

// fitName compares the name and namespace of an object with those of the path.
func (c *call) fitName(obj resource.Object) error {
	if err := c.fitNamespace(obj); err != nil {
		return err
	}
	switch obj.GetName() {
	case c.info.Name:
		return nil
	case "":
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s based on URL) was undeterminable: name must be provided", c.info.Name))
	}
	return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", obj.GetName(), c.info.Name))
}
