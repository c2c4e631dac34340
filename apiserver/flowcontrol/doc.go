// Package flowcontrol decides when a request may be worked on: priority and fairness (KEP-1040).
//
//	request ─ FlowSchemas in order ─> flow ─ seats free? ─────────────────────────────> served
//	                                    └ no ─ a hand of queues, the emptiest ─ wait ─┘ └ or 429
//
// A FlowSchema (schema.go) puts a request into a flow of a priority level (level.go). A level has seats; a request takes one,
// or more when it is wide (width.go). Who finds none waits in one of the level's queues (queue.go), chosen by the flow's hand
// (package hand), and the queue that has had the least is served next. While requests wait, levels lend each other what they do not
// need (borrowing.go); when none does, nothing runs here.
//
// It owns the seats and the queues. It reads FlowSchemas and PriorityLevelConfigurations, writes the former's status and what
// the cluster must have of both (reconciler.go), and never looks into a body or holds a request that is exempt.
package flowcontrol
