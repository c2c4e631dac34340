package check

import (
	"fmt"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const urlForm = "; desired format: https://host[/path]"

// WebhookURL checks the address of a webhook outside of the cluster.
func WebhookURL(path *field.Path, text string) field.ErrorList {
	u, err := url.Parse(text)
	if err != nil {
		return field.ErrorList{field.Required(path, "url must be a valid URL: "+err.Error()+urlForm)}
	}
	var errs field.ErrorList
	if u.Scheme != "https" {
		errs = append(errs, field.Invalid(path, u.Scheme, "'https' is the only allowed URL scheme"+urlForm))
	}
	if u.Host == "" {
		errs = append(errs, field.Invalid(path, u.Host, "host must be specified"+urlForm))
	}
	if u.User != nil {
		errs = append(errs, field.Invalid(path, u.User.String(), "user information is not permitted in the URL"))
	}
	if u.Fragment != "" {
		errs = append(errs, field.Invalid(path, u.Fragment, "fragments are not permitted in the URL"))
	}
	if u.RawQuery != "" {
		errs = append(errs, field.Invalid(path, u.RawQuery, "query parameters are not permitted in the URL"))
	}
	return errs
}

// Service is where a webhook or an API is served inside of the cluster.
type Service struct {
	Namespace, Name string
	Path            *string
	Port            *int32
}

// WebhookService checks a service that is called.
func WebhookService(path *field.Path, s Service) field.ErrorList {
	var errs field.ErrorList
	if s.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	}
	if s.Namespace == "" {
		errs = append(errs, field.Required(path.Child("namespace"), ""))
	}
	if s.Port != nil {
		for _, message := range validation.IsValidPortNum(int(*s.Port)) {
			errs = append(errs, field.Invalid(path.Child("port"), *s.Port, "port is not valid: "+message))
		}
	}
	if s.Path != nil {
		errs = append(errs, servicePath(path.Child("path"), *s.Path)...)
	}
	return errs
}

// servicePath checks each part of a path, the last of which may be empty.
func servicePath(at *field.Path, text string) field.ErrorList {
	if text == "" || text == "/" {
		return nil
	}
	var errs field.ErrorList
	if !strings.HasPrefix(text, "/") {
		errs = append(errs, field.Invalid(at, text, "must start with a '/'"))
	}
	for i, part := range strings.Split(strings.TrimSuffix(text[1:], "/"), "/") {
		if part == "" {
			errs = append(errs, field.Invalid(at, text, fmt.Sprintf("segment[%d] may not be empty", i)))
			continue
		}
		for _, message := range validation.IsDNS1123Subdomain(part) {
			errs = append(errs, field.Invalid(at, text, fmt.Sprintf("segment[%d]: %s", i, message)))
		}
	}
	return errs
}
