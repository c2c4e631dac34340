package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Addresses come from a further ServiceCIDR when it is ready, and keep it from going; what is missing is made again.
func TestServicesHaveAddressesOfFurtherRanges(t *testing.T) {
	_, c := started(t, ForTest(t.TempDir()))
	service := func(name, address string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: corev1.ServiceSpec{
			ClusterIP: address, Ports: []corev1.ServicePort{{Port: 80}},
		}}
	}
	const refused = "the provided network does not match the current range"
	if err := c.Create(t.Context(), service("early", "10.99.0.5")); err == nil || !strings.Contains(err.Error(), refused) {
		t.Errorf("an address of no range: %v", err)
	}
	more := &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "more"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.99.0.0/28"}}}
	if err := c.Create(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	first := service("first", "10.99.0.5")
	eventually(t, "the range is not used", func() error { return c.Create(t.Context(), first) })
	eventually(t, "no free address is of the range", func() error {
		s := service("", "")
		s.GenerateName = "more-"
		if err := c.Create(t.Context(), s); err != nil || strings.HasPrefix(s.Spec.ClusterIP, "10.99.0.") {
			return err
		}
		return fmt.Errorf("it is %s", s.Spec.ClusterIP)
	})

	address := &networkingv1.IPAddress{ObjectMeta: metav1.ObjectMeta{Name: "10.99.0.5"}}
	if err := c.Delete(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the address is not made again", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(address), address); err != nil || address.Spec.ParentRef.Name == "first" && address.DeletionTimestamp == nil {
			return err
		}
		return errors.New("it is another's")
	})

	if err := c.Delete(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the range does not say why it stays", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(more), more); err != nil {
			return err
		}
		if ready := meta.FindStatusCondition(more.Status.Conditions, "Ready"); ready == nil || ready.Reason != "Terminating" {
			return fmt.Errorf("it says %+v", ready)
		}
		return nil
	})
	if err := c.Create(t.Context(), service("late", "10.99.0.7")); err == nil || !strings.Contains(err.Error(), refused) {
		t.Errorf("an address of a range that goes: %v", err)
	}
	if err := c.DeleteAllOf(t.Context(), &corev1.Service{}, client.InNamespace("default")); err != nil && !apierrors.IsMethodNotSupported(err) {
		t.Fatal(err)
	}
	eventually(t, "the range does not go", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(more), more); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
}

// The network of the Services is ready from the start, as upstream has it, also where no controllers look after others.
func TestTheNetworkOfTheServicesIsReady(t *testing.T) {
	o := alone(t.TempDir())
	o.Disable = []string{Agent, Controllers}
	_, c := started(t, o)
	cidr := &networkingv1.ServiceCIDR{}
	if err := c.Get(t.Context(), client.ObjectKey{Name: "kubernetes"}, cidr); err != nil {
		t.Fatal(err)
	}
	ready := meta.FindStatusCondition(cidr.Status.Conditions, networkingv1.ServiceCIDRConditionReady)
	if ready == nil || ready.Status != metav1.ConditionTrue || ready.Message != "Kubernetes default Service CIDR is ready" {
		t.Errorf("status %v", cidr.Status)
	}
	// Whoever applies the same owns what was written.
	apply := `{"apiVersion":"networking.k8s.io/v1","kind":"ServiceCIDR","metadata":{"name":"kubernetes"},"status":{"conditions":[]}}`
	owner, force := client.FieldOwner("kubernetes-service-cidr-controller"), client.ForceOwnership
	if err := c.Status().Patch(t.Context(), cidr, client.RawPatch(types.ApplyYAMLPatchType, []byte(apply)), owner, force); err != nil {
		t.Fatal(err)
	}
	if len(cidr.Status.Conditions) != 0 {
		t.Errorf("the condition was not its owner's: %v", cidr.Status)
	}
}

// Data of a server that left it to controllers says nothing of the network of the Services. A server without controllers says it at its next start.
func TestTheNetworkOfTheServicesBecomesReady(t *testing.T) {
	o := alone(t.TempDir())
	o.Disable = []string{Agent, Controllers}
	cidr := &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}}
	t.Run("before", func(t *testing.T) {
		_, c := started(t, o)
		if err := c.Status().Patch(t.Context(), cidr, client.RawPatch(types.MergePatchType, []byte(`{"status":{"conditions":null}}`))); err != nil || len(cidr.Status.Conditions) > 0 {
			t.Fatal(cidr.Status, err)
		}
	})
	_, c := started(t, o)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(cidr), cidr); err != nil {
		t.Fatal(err)
	}
	if ready := meta.FindStatusCondition(cidr.Status.Conditions, networkingv1.ServiceCIDRConditionReady); ready == nil || ready.Status != metav1.ConditionTrue {
		t.Errorf("status %v", cidr.Status)
	}
}
