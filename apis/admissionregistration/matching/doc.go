// Package matching knows how webhooks and admission policies say which requests they are about: rules, selectors, conditions.
//
// It owns their defaults and what is wrong with them. It reads and writes only what it is given, and matches no request.
package matching
