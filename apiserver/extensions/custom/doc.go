// Package custom makes rows of a CustomResourceDefinition: what each of its versions is, as package resource has it, and how its objects
// are read and stored.
//
// Nothing is compiled before it is needed: a definition that nobody uses costs its own object and a few rows. Schemas are made when the first
// object is read, rules when the first is written.
//
// It reads definitions and objects that it is handed, calls conversion webhooks, and writes nothing.
package custom
