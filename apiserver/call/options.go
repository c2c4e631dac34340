package call

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	internalvalidation "k8s.io/apimachinery/pkg/apis/meta/internalversion/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// WriteOptions are the query parameters of a write.
type WriteOptions struct {
	DryRun     bool
	Manager    string
	Validation string // Strict, Warn or Ignore
	Force      bool
	// Managed says that metadata.managedFields have been seen to.
	Managed bool
	// All is the options object that admission sees.
	All runtime.Object
}

// DeleteOptions come in the body, or in the query where there is no body.
func (c *Call) DeleteOptions() (*metav1.DeleteOptions, error) {
	options := &metav1.DeleteOptions{}
	body, err := c.ReadBody()
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		if err := c.readDeleteOptions(body, options); err != nil {
			return nil, err
		}
	} else if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_DeleteOptions(query, options, nil)
	}); err != nil {
		return nil, err
	}
	options.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("DeleteOptions"))
	if len(body) > 0 {
		audit.Sent(c.Context(), nil, func() ([]byte, error) { return codec.Encode(options, codec.JSON) })
	}
	return options, refusal.InvalidOptions("DeleteOptions", validation.ValidateDeleteOptions(options))
}

// readDeleteOptions takes them in whatever group version they say they are of.
func (c *Call) readDeleteOptions(body []byte, options *metav1.DeleteOptions) error {
	media, err := c.sentAs()
	if err != nil {
		return err
	}
	kind, err := codec.DecodePlain(body, media, options)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if kind.Kind != "" && kind.Kind != "DeleteOptions" {
		return apierrors.NewBadRequest(fmt.Sprintf("no kind %q is registered for version %q in scheme %q", kind.Kind, kind.GroupVersion(), "pkg/runtime/scheme.go:111"))
	}
	return nil
}

// LooksForFaults says whether unknown fields and fields given twice are looked for: unless the client says not to.
func (o WriteOptions) LooksForFaults() bool { return o.Validation != metav1.FieldValidationIgnore }

func (o *WriteOptions) take(dryRun []string, manager, fieldValidation, userAgent string) {
	o.DryRun = slices.Contains(dryRun, metav1.DryRunAll)
	o.Manager, o.Validation = managerOrPrefix(manager, userAgent), fieldValidation
	if o.Validation == "" {
		o.Validation = metav1.FieldValidationWarn
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

// CreateOptions are what a creation is asked with.
func (c *Call) CreateOptions() (WriteOptions, error) {
	var o WriteOptions
	options := &metav1.CreateOptions{}
	if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_CreateOptions(query, options, nil)
	}); err != nil {
		return o, err
	}
	o.take(options.DryRun, options.FieldManager, options.FieldValidation, c.R.UserAgent())
	options.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("CreateOptions"))
	o.All = options
	if c.R.URL.RawQuery == "" {
		return o, nil // there is nothing to find fault with
	}
	return o, refusal.InvalidOptions("CreateOptions", validation.ValidateCreateOptions(options))
}

// UpdateOptions are what an update is asked with.
func (c *Call) UpdateOptions() (WriteOptions, error) {
	var o WriteOptions
	options := &metav1.UpdateOptions{}
	if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_UpdateOptions(query, options, nil)
	}); err != nil {
		return o, err
	}
	o.take(options.DryRun, options.FieldManager, options.FieldValidation, c.R.UserAgent())
	options.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("UpdateOptions"))
	o.All = options
	if c.R.URL.RawQuery == "" {
		return o, nil
	}
	return o, refusal.InvalidOptions("UpdateOptions", validation.ValidateUpdateOptions(options))
}

// PatchOptions are what a patch is asked with.
func (c *Call) PatchOptions(patchType types.PatchType) (WriteOptions, error) {
	var o WriteOptions
	options := &metav1.PatchOptions{}
	if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_PatchOptions(query, options, nil)
	}); err != nil {
		return o, err
	}
	o.take(options.DryRun, options.FieldManager, options.FieldValidation, c.R.UserAgent())
	o.Force = options.Force != nil && *options.Force
	options.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("PatchOptions"))
	o.All = options
	return o, refusal.InvalidOptions("PatchOptions", validation.ValidatePatchOptions(options, patchType))
}

// query converts the query parameters; what cannot be read is the client's fault.
func (c *Call) query(convert func(*url.Values) error) error {
	if c.R.URL.RawQuery == "" {
		return nil
	}
	query := c.R.URL.Query()
	if err := convert(&query); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	return nil
}

// ListOptions reads what a list, a watch or a deletion of a collection is asked with.
func (c *Call) ListOptions() (*metav1.ListOptions, error) {
	options := &metav1.ListOptions{}
	if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_ListOptions(query, options, nil)
	}); err != nil {
		return nil, err
	}
	options.Watch = c.Info.Verb == "watch"
	checked := internalversion.ListOptions{
		Watch: options.Watch, ResourceVersion: options.ResourceVersion, ResourceVersionMatch: options.ResourceVersionMatch,
		Continue: options.Continue, SendInitialEvents: options.SendInitialEvents,
	}
	internalversion.SetListOptionsDefaults(&checked, true)
	errs := internalvalidation.ValidateListOptions(&checked, true)
	return options, refusal.InvalidOptions("ListOptions", errs)
}
