// Package service describes Services, and the Endpoints of old beside them: rows, defaulting, what an update keeps and drops, validation,
// warnings and columns. Which addresses and ports are free is not known here. It reads and writes nothing.
package service
