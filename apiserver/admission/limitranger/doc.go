// Package limitranger fills in the requests and limits that a namespace has defaults for, and refuses what lies outside its ranges.
//
// It reads limit ranges. It changes pods at their creation.
package limitranger
