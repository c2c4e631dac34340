package review

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

func (r *Reviewer) subjectAccess(ctx context.Context, _ string, review *authorizationv1.SubjectAccessReview) error {
	errs := append(validateTarget(review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes), validateSubject(&review.Spec)...)
	if err := invalid(append(errs, validateMeta(&review.ObjectMeta, "")...)); err != nil {
		return err
	}
	review.Status = r.decide(ctx, subject(&review.Spec), review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes)
	return nil
}

func (r *Reviewer) localSubjectAccess(ctx context.Context, namespace string, review *authorizationv1.LocalSubjectAccessReview) error {
	if review.Namespace == "" {
		review.Namespace = namespace
	}
	if review.Namespace != namespace {
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	errs := append(validateSubject(&review.Spec), validateLocal(&review.Spec, namespace)...)
	if err := invalid(append(errs, validateMeta(&review.ObjectMeta, namespace)...)); err != nil {
		return err
	}
	review.Status = r.decide(ctx, subject(&review.Spec), review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes)
	return nil
}

func (r *Reviewer) selfAccess(ctx context.Context, _ string, review *authorizationv1.SelfSubjectAccessReview) error {
	errs := validateTarget(review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes)
	if err := invalid(append(errs, validateMeta(&review.ObjectMeta, "")...)); err != nil {
		return err
	}
	u, ok := auth.UserFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest(errNoUser.Error())
	}
	review.Status = r.decide(ctx, u, review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes)
	return nil
}

func (r *Reviewer) decide(ctx context.Context, u user.Info, of *authorizationv1.ResourceAttributes, path *authorizationv1.NonResourceAttributes) authorizationv1.SubjectAccessReviewStatus {
	asked := attributes(u, of, path)
	decision, reason, err := r.Authorizer.Authorize(ctx, asked)
	status := authorizationv1.SubjectAccessReviewStatus{
		Allowed: decision == authorizer.DecisionAllow, Denied: decision == authorizer.DecisionDeny, Reason: reason,
	}
	var errs []string
	if err != nil {
		errs = append(errs, err.Error())
	}
	errs = append(errs, ignored("fieldSelector", asked.FieldSelectorParsingErr, len(asked.FieldSelectorRequirements))...)
	errs = append(errs, ignored("labelSelector", asked.LabelSelectorParsingErr, len(asked.LabelSelectorRequirements))...)
	status.EvaluationError = strings.Join(errs, "; ")
	return status
}

// ignored tells of a selector of which only so many requirements were understood: the question was broader than it was asked.
func ignored(selector string, err error, understood int) []string {
	switch {
	case err == nil:
		return nil
	case understood > 0:
		return []string{fmt.Sprintf("spec.resourceAttributes.%s partially ignored due to parse error", selector)}
	}
	return []string{fmt.Sprintf("spec.resourceAttributes.%s ignored due to parse error", selector)}
}

func attributes(u user.Info, of *authorizationv1.ResourceAttributes, path *authorizationv1.NonResourceAttributes) authorizer.AttributesRecord {
	if of == nil {
		return authorizer.AttributesRecord{User: u, Verb: path.Verb, Path: path.Path}
	}
	record := authorizer.AttributesRecord{
		User: u, Verb: of.Verb, Namespace: of.Namespace, APIGroup: of.Group, APIVersion: of.Version,
		Resource: of.Resource, Subresource: of.Subresource, Name: of.Name, ResourceRequest: true,
	}
	if record.APIVersion == "" {
		record.APIVersion = "*"
	}
	if of.FieldSelector != nil {
		record.FieldSelectorRequirements, record.FieldSelectorParsingErr = fieldRequirements(of.FieldSelector)
	}
	if of.LabelSelector != nil {
		record.LabelSelectorRequirements, record.LabelSelectorParsingErr = labelRequirements(of.LabelSelector)
	}
	return record
}

func subject(spec *authorizationv1.SubjectAccessReviewSpec) user.Info {
	u := &user.DefaultInfo{Name: spec.User, UID: spec.UID, Groups: slices.Clone(spec.Groups)}
	for key, values := range spec.Extra {
		if u.Extra == nil {
			u.Extra = map[string][]string{}
		}
		u.Extra[key] = values
	}
	return u
}
