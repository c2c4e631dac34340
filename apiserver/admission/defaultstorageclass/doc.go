// Package defaultstorageclass gives claims that name no storage class the default one.
//
// It reads storage classes. It changes claims at their creation.
package defaultstorageclass
