// Package matching says which writes a webhook or an admission policy is about: rules, the equivalence of versions, selectors
// of namespaces and objects; and shows an object in the version that was matched.
//
// It reads namespaces, and changes nothing but the object of the write that it is given.
package matching
