// Package review answers the objects by which clients ask who a token is, who they are and what they or
// others may do: TokenReview, SelfSubjectReview and the access reviews.
//
// It owns their validation and their answers; it asks the authenticators and authorizers it is given. It reads
// and writes no stored object.
package review
