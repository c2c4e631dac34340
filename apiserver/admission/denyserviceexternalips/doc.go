// Package denyserviceexternalips refuses services that claim addresses outside of the cluster (CVE-2020-8554).
//
// It reads the object at hand and the stored one. It changes nothing.
package denyserviceexternalips
