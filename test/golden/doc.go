// Package golden runs controllers in virtual time: a whole control plane, with its etcd, in a bubble of testing/synctest. A case is two files and no Go:
//
//	testdata/CONTROLLER/CASE.yaml   what users do, in steps, and what time passes between them
//	testdata/CONTROLLER/CASE.txt    what the controller writes then, by the audit log: creates, changes, deletions and Events
//
// A step is a document. It is applied, with its status if it has one, and ten seconds pass, unless comments before its first field say otherwise:
//
//	# after 5m     let five minutes pass in place of ten seconds
//	# delete       delete the object in place of applying it; "delete Orphan" says what becomes of what it owns
//	# wait         do nothing: only time passes
//	# cloud gone   have all machines of the cloud be gone, stopped, running, or moved to another address: a case that says so has cloud controllers
//	# part NAME    apply that subresource alone
//
// In the first document, `# nodes 1` has that many simulated nodes run pods, `# gates A=true` switches features, `# flag NAME VALUE` sets one of kube-controller-manager's, `# enable local-storage` adds a
// component, and `# of account ...` names the accounts whose writes are shown in place of those of the controller in the folder's name. The UID `of` of an owner's reference is that of the owner, `of shop` that of
// one in the namespace shop.
//
// In every case, whosever writes it shows, no component may write what is there already; a reconcile may write a part of an object once (see rounds); and all reconciles of an instant may not write
// one more often than something has changed, nor be refused with a conflict because of a write of their own (see ledger). `go test ./test/golden -writes` tells how often each controller wrote.
//
// It owns testdata. It reads and writes only what is in its control planes, and never waits by the machine's clock: a bubble knows when nothing more happens.
package golden
