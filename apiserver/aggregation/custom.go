package aggregation

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// syncCustom keeps an APIService for a custom group version while there is one, and lets those of others alone.
func (a *Aggregator) syncCustom(ctx context.Context, gv schema.GroupVersion) error {
	stored, found := auth.Get[*apiregistrationv1.APIService](a.Lister, apiServices(), "", nameOf(gv))
	wanted := a.isDefined(gv)
	if found == wanted || found && stored.Labels[managedLabel] != managed {
		return nil
	}
	writer, err := a.Writer()
	if err != nil {
		return err
	}
	if !wanted {
		if err := writer.Delete(ctx, stored.DeepCopy()); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("deleting the APIService of %s: %w", gv, err)
		}
		return nil
	}
	if err := writer.Create(ctx, local(gv, managed)); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating the APIService of %s: %w", gv, err)
	}
	return nil
}

// isDefined says whether a definition that is in force serves the group version.
func (a *Aggregator) isDefined(gv schema.GroupVersion) bool {
	served := false
	a.Lister.Each(definitions(), "", func(obj resource.Object) bool {
		d, ok := obj.(*apiextensionsv1.CustomResourceDefinition)
		if !ok || d.Spec.Group != gv.Group || !isEstablished(d) {
			return true
		}
		for i := range d.Spec.Versions {
			served = served || d.Spec.Versions[i].Name == gv.Version && d.Spec.Versions[i].Served
		}
		return !served
	})
	return served
}

func isEstablished(d *apiextensionsv1.CustomResourceDefinition) bool {
	for _, condition := range d.Status.Conditions {
		if condition.Type == apiextensionsv1.Established {
			return condition.Status == apiextensionsv1.ConditionTrue
		}
	}
	return false
}
