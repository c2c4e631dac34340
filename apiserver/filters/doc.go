// Package filters is the way of every request up to what answers it: it is named, counted, bounded in time,
// authenticated, recorded, taken for another's, admitted to the server and authorized. It owns the order of these steps and
// the answers that refuse; it reads headers and the request line, writes into the request's context, and never reads a body or
// an object.
package filters
