// Package atomicdir replaces the content of a folder in one step, as readers see it.
//
// It owns the layout of a folder that ConfigMap, Secret, downward API and projected volumes have on disk:
//
//	..2026_01_02_15_04_05.1234   the payload: regular files and folders
//	..data -> ..2026_01_02_15_04_05.1234
//	<name> -> ..data/<name>      one link for each first path element of the payload
//
// An update writes a second timestamped folder and renames a new ..data over the old one. It reads and writes only
// below the folder it is given, does not follow links that lead out of it, and knows nothing of pods.
package atomicdir
