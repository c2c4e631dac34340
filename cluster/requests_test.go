package cluster

import (
	"io"
	"net/http"
	"testing"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fetch sends one request and returns the body of the answer.
func fetch(t *testing.T, transport http.RoundTripper, r *http.Request) (string, *http.Response) {
	t.Helper()
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), response
}

// Flow control follows the objects of the cluster, tells what it made of a request, says of a schema whether its level is there, and
// brings back what every cluster has.
func TestFlowControlFollowsTheCluster(t *testing.T) {
	options := alone(t.TempDir())
	running, c := started(t, options)
	ctx := t.Context()
	impersonating := rest.CopyConfig(running.Config)
	impersonating.Impersonate = rest.ImpersonationConfig{UserName: "noxu"}
	transport, err := rest.TransportFor(impersonating)
	if err != nil {
		t.Fatal(err)
	}
	classified := func() (schema, level string) {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, running.Config.Host+"/version", nil)
		_, response := fetch(t, transport, r)
		return response.Header.Get(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID), response.Header.Get(flowcontrolv1.ResponseHeaderMatchedPriorityLevelConfigurationUID)
	}

	schema := &flowcontrolv1.FlowSchema{ObjectMeta: metav1.ObjectMeta{Name: "mine"}, Spec: flowcontrolv1.FlowSchemaSpec{
		MatchingPrecedence: 1000, PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: "mine"},
		Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
			Subjects:         []flowcontrolv1.Subject{{Kind: flowcontrolv1.SubjectKindUser, User: &flowcontrolv1.UserSubject{Name: "noxu"}}},
			NonResourceRules: []flowcontrolv1.NonResourcePolicyRule{{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}},
		}},
	}}
	if err := c.Create(ctx, schema); err != nil {
		t.Fatal(err)
	}
	dangling := func() flowcontrolv1.ConditionStatus {
		if err := c.Get(ctx, client.ObjectKeyFromObject(schema), schema); err != nil || len(schema.Status.Conditions) == 0 {
			return ""
		}
		return schema.Status.Conditions[0].Status
	}
	await(t, "a schema without its level dangles", func() bool { return dangling() == flowcontrolv1.ConditionTrue })
	level := &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "mine"}, Spec: flowcontrolv1.PriorityLevelConfigurationSpec{
		Type:    flowcontrolv1.PriorityLevelEnablementLimited,
		Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{LimitResponse: flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject}},
	}}
	if err := c.Create(ctx, level); err != nil {
		t.Fatal(err)
	}
	await(t, "the schema has found its level", func() bool { return dangling() == flowcontrolv1.ConditionFalse })
	await(t, "requests are sorted by it", func() bool {
		s, l := classified()
		return s == string(schema.UID) && l == string(level.UID)
	})

	gone := &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "workload-low"}}
	if err := c.Get(ctx, client.ObjectKeyFromObject(gone), gone); err != nil {
		t.Fatal(err)
	}
	before := gone.UID
	if err := c.Delete(ctx, gone); err != nil {
		t.Fatal(err)
	}
	await(t, "a suggested level comes back", func() bool {
		err := c.Get(ctx, client.ObjectKeyFromObject(gone), gone)
		return err == nil && gone.UID != before && gone.Annotations["apf.kubernetes.io/autoupdate-spec"] == "true"
	})
	// What somebody has taken over stays as it is.
	own := &flowcontrolv1.PriorityLevelConfiguration{}
	for {
		if err := c.Get(ctx, client.ObjectKey{Name: "global-default"}, own); err != nil {
			t.Fatal(err)
		}
		own.Annotations["apf.kubernetes.io/autoupdate-spec"] = "false"
		*own.Spec.Limited.NominalConcurrencyShares = 77
		if err := c.Update(ctx, own); err == nil {
			break
		} else if !apierrors.IsConflict(err) {
			t.Fatal(err)
		}
	}
	// The next repair, of an object that was touched later, comes after it.
	if err := c.Delete(ctx, level); err != nil {
		t.Fatal(err)
	}
	await(t, "the schema has lost its level", func() bool { return dangling() == flowcontrolv1.ConditionTrue })
	if err := c.Get(ctx, client.ObjectKeyFromObject(own), own); err != nil || *own.Spec.Limited.NominalConcurrencyShares != 77 {
		t.Errorf("%v: the shares are %d", err, *own.Spec.Limited.NominalConcurrencyShares)
	}
}
