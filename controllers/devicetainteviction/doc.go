// Package devicetainteviction deletes pods that use devices with NoExecute taints which their claims do not tolerate, or
// tolerate no longer.
//
// It reads ResourceSlices, ResourceClaims and pods, and writes the condition DisruptionTarget, deletions of pods, and events.
// Taints with the effect NoSchedule are the scheduler's business.
package devicetainteviction
