// Package serving is the HTTP server around the API: how it listens, what it serves beside the API (profiles, explanations of the
// scheduler, what pods ask for, what libraries count), and how it ends without cutting anybody off.
//
// It owns connections, and counts what is under way on them. It reads APIServices and pods, to count them, when somebody asks. It never
// looks into a request: the handler that it is given does.
package serving
