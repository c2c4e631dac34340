// Package tables turns objects into the tables that kubectl prints, by the columns of their rows.
// It reads and writes nothing.
package tables
