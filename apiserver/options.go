package apiserver

import (
	"net/url"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	internalvalidation "k8s.io/apimachinery/pkg/apis/meta/internalversion/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// maxWaitForRevision bounds the wait for a resourceVersion that is not there yet.
const maxWaitForRevision = 3 * time.Second

// writeOptions are the query parameters of a write.
type writeOptions struct {
	dryRun     bool
	manager    string
	validation string // Strict, Warn or Ignore
	force      bool
	// managed says that metadata.managedFields have been seen to.
	managed bool
	// all is the options object that admission sees.
	all runtime.Object
}

// strictness: unknown fields are looked for unless the client says not to.
func (o writeOptions) looksForFaults() bool { return o.validation != metav1.FieldValidationIgnore }

func (o *writeOptions) take(dryRun []string, manager, fieldValidation, userAgent string) {
	o.dryRun = slices.Contains(dryRun, metav1.DryRunAll)
	o.manager, o.validation = managerOrPrefix(manager, userAgent), fieldValidation
	if o.validation == "" {
		o.validation = metav1.FieldValidationWarn
	}
}

// managerOrPrefix is the name under which fields are owned: what the client says, or what its user agent starts with.
func managerOrPrefix(manager, userAgent string) string {
	if manager != "" {
		return manager
	}
	prefix, _, _ := strings.Cut(userAgent, "/")
	if len(prefix) > validation.FieldManagerMaxLength {
		prefix = prefix[:validation.FieldManagerMaxLength]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, prefix)
}

func (c *call) createOptions() (writeOptions, error) {
	var o writeOptions
	options := &metav1.CreateOptions{}
	if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_CreateOptions(query, options, nil)
	}); err != nil {
		return o, err
	}
	o.take(options.DryRun, options.FieldManager, options.FieldValidation, c.r.UserAgent())
	options.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("CreateOptions"))
	o.all = options
	return o, invalidOptions("CreateOptions", validation.ValidateCreateOptions(options))
}

func (c *call) updateOptions() (writeOptions, error) {
	var o writeOptions
	options := &metav1.UpdateOptions{}
	if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_UpdateOptions(query, options, nil)
	}); err != nil {
		return o, err
	}
	o.take(options.DryRun, options.FieldManager, options.FieldValidation, c.r.UserAgent())
	options.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("UpdateOptions"))
	o.all = options
	return o, invalidOptions("UpdateOptions", validation.ValidateUpdateOptions(options))
}

func (c *call) patchOptions(patchType types.PatchType) (writeOptions, error) {
	var o writeOptions
	options := &metav1.PatchOptions{}
	if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_PatchOptions(query, options, nil)
	}); err != nil {
		return o, err
	}
	o.take(options.DryRun, options.FieldManager, options.FieldValidation, c.r.UserAgent())
	o.force = options.Force != nil && *options.Force
	options.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("PatchOptions"))
	o.all = options
	return o, invalidOptions("PatchOptions", validation.ValidatePatchOptions(options, patchType))
}

// query converts the query parameters; what cannot be read is the client's fault.
func (c *call) query(convert func(*url.Values) error) error {
	if c.r.URL.RawQuery == "" {
		return nil
	}
	query := c.r.URL.Query()
	if err := convert(&query); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	return nil
}

// listOptions reads what a list, a watch or a deletion of a collection is asked with.
func (c *call) listOptions() (*metav1.ListOptions, error) {
	options := &metav1.ListOptions{}
	if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_ListOptions(query, options, nil)
	}); err != nil {
		return nil, err
	}
	options.Watch = c.info.Verb == "watch"
	checked := internalversion.ListOptions{
		Watch: options.Watch, ResourceVersion: options.ResourceVersion, ResourceVersionMatch: options.ResourceVersionMatch,
		Continue: options.Continue, SendInitialEvents: options.SendInitialEvents,
	}
	internalversion.SetListOptionsDefaults(&checked, true)
	errs := internalvalidation.ValidateListOptions(&checked, true)
	return options, invalidOptions("ListOptions", errs)
}
