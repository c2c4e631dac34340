// Package legacytokencleaner switches off the tokens that were made with service accounts and are kept in Secrets, when nobody
// has used them for a year, and deletes them a year later.
//
// It reads Secrets, ServiceAccounts, Pods and the ConfigMap that says since when the API server notes uses (the label
// kubernetes.io/legacy-token-last-used). It writes the label kubernetes.io/legacy-token-invalid-since of Secrets, and deletes them. It never
// touches a token that somebody asked for, nor one that a pod has mounted. Whoever takes the label away gets another year.
package legacytokencleaner
