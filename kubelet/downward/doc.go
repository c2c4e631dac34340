// Package downward says what a pod may be told of itself: the fields and resources that environment variables and volumes of the
// downward API name. It reads nothing but what it is handed.
package downward
