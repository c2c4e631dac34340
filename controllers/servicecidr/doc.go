// Package servicecidr says of ServiceCIDRs that they are ready, and keeps those from going away that the address of a
// service comes from, by a finalizer. It reads ServiceCIDRs and IPAddresses and writes conditions and finalizers of ServiceCIDRs.
package servicecidr
