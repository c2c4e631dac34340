// Package zipped writes streams of gzip of which parts were compressed before, each on its own, so that what is sent often and changes
// little is compressed once.
//
// It owns how parts are put behind each other: deflate lets blocks of any origin follow each other as long as they end at a whole byte and
// look back at nothing before themselves, and the checksum of two parts follows from theirs. It keeps nothing.
package zipped
