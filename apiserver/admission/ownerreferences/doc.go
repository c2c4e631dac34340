// Package ownerreferences lets only those who may delete an object give it another owner, and only those who may set an owner's finalizers block the owner's deletion.
//
// It reads nothing but the object at hand, and asks the authorizer. It changes nothing.
package ownerreferences
