package resourceclaim

import (
	"context"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// metrics are what the controller counts. Nil counts nothing.
type metrics struct{ creates *prometheus.CounterVec }

func newMetrics(to prometheus.Registerer) *metrics {
	return &metrics{kit.Counters(to, "resourceclaim_controller_creates_total", "Number of ResourceClaims creation requests, categorized by creation status and admin access", "status", "admin_access")}
}

// asked counts a claim that the API was asked to make.
func (m *metrics) asked(claim *resourcev1.ResourceClaim, err error) {
	if m == nil {
		return
	}
	status := "success"
	if err != nil {
		status = "failure"
	}
	m.creates.WithLabelValues(status, admin(claim)).Inc()
}

// admin says whether a claim gives an administrator access to devices that others use.
func admin(claim *resourcev1.ResourceClaim) string {
	return strconv.FormatBool(slices.ContainsFunc(claim.Spec.Devices.Requests, func(r resourcev1.DeviceRequest) bool {
		return r.Exactly != nil && ptr.Deref(r.Exactly.AdminAccess, false)
	}))
}

// source says who has made a claim, if it was no user.
func source(claim *resourcev1.ResourceClaim) string {
	switch {
	case claim.Annotations[resourcev1.PodResourceClaimAnnotation] != "":
		return "resource_claim_template"
	case claim.Annotations[resourcev1.ExtendedResourceClaimAnnotation] != "":
		return "extended_resource"
	}
	return ""
}

// present counts the claims when somebody looks, from the cache.
type present struct{ client client.Reader }

var presentDesc = prometheus.NewDesc("resourceclaim_controller_resource_claims",
	"Number of ResourceClaims, categorized by allocation status, admin access, and source: 'resource_claim_template', 'extended_resource', or empty (manually created by a user).",
	[]string{"allocated", "admin_access", "source"}, nil)

// Describe implements prometheus.Collector.
func (present) Describe(to chan<- *prometheus.Desc) { to <- presentDesc }

// Collect implements prometheus.Collector.
func (p present) Collect(to chan<- prometheus.Metric) {
	var claims resourcev1.ResourceClaimList
	if p.client.List(context.Background(), &claims, client.UnsafeDisableDeepCopy) != nil { // a collector is given no context
		return
	}
	all := map[[3]string]int{}
	for i := range claims.Items {
		claim := &claims.Items[i]
		all[[3]string{strconv.FormatBool(claim.Status.Allocation != nil), admin(claim), source(claim)}]++
	}
	for labels, count := range all {
		to <- prometheus.MustNewConstMetric(presentDesc, prometheus.GaugeValue, float64(count), labels[:]...)
	}
}
