// Package storageversionmigrator has everything of a resource stored anew, because a StorageVersionMigration asks for it: in the storage
// version of now, and encrypted as values are now.
//
// It reads StorageVersionMigrations, discovery, the metadata of what is migrated, and the definition of a custom resource. It writes
// status.conditions and status.resourceVersion of migrations, patches without a change to each object, which the API server stores if what
// it would store differs, and status.storedVersions of the definition. It never changes what an object says.
package storageversionmigrator
