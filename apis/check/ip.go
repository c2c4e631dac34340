package check

import (
	"net"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

// IP checks an address as older fields take it; addresses that the old object has may stay.
func IP(path *field.Path, ip string, old ...string) field.ErrorList {
	return validation.IsValidIPForLegacyField(path, ip, true, old)
}

// CIDR checks a range as older fields take it; ranges that the old object has may stay.
func CIDR(path *field.Path, cidr string, old ...string) field.ErrorList {
	return validation.IsValidCIDRForLegacyField(path, cidr, true, old)
}

// EndpointIP checks that an address may be one of an endpoint.
func EndpointIP(path *field.Path, value string) field.ErrorList {
	ip := netutils.ParseIPSloppy(value)
	if ip == nil {
		return nil
	}
	unspecified := "may not be unspecified (0.0.0.0)"
	if ip.Equal(net.IPv6unspecified) {
		unspecified = "may not be unspecified (::)"
	}
	var errs field.ErrorList
	for _, bad := range []struct {
		is     bool
		detail string
	}{
		{ip.IsUnspecified(), unspecified},
		{ip.IsLoopback(), "may not be in the loopback range (127.0.0.0/8, ::1/128)"},
		{ip.IsLinkLocalUnicast(), "may not be in the link-local range (169.254.0.0/16, fe80::/10)"},
		{ip.IsLinkLocalMulticast(), "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"},
	} {
		if bad.is {
			errs = append(errs, field.Invalid(path, value, bad.detail))
		}
	}
	return errs
}
